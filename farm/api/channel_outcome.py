"""What a channel has decided about packages that were submitted to a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.api.farm_client import FarmClient

    Excuses = tuple[Mapping[str, Any], ...]

_RELEASED_TESTS = "released-tests"


@dataclass(frozen=True, slots=True)
class ChannelOutcome:
    """The decision of a channel about submitted recipes.

    `missing` are those whose packages, as their jobs have built them, are not in the newest release (number
    `release`, None before the first one). `candidate` is the number of the channel's candidate, if there is one,
    and `candidate_refused` says that it was refused, by the excuses `refusal`. `held_back` are the excuses in
    force, `failed_tests` those of new tests that fail on the released packages. All of these are about the submission
    or the whole candidate; `others` counts the packages of other submissions that are held back.
    """

    submitted: Mapping[str, int]
    missing: frozenset[str]
    release: int | None
    candidate: int | None
    candidate_refused: bool
    refusal: Excuses
    held_back: Excuses
    failed_tests: Excuses
    others: int = 0

    @property
    def nothing_released(self) -> bool:
        """Whether no release with the submitted packages was made."""
        return self.missing == set(self.submitted) or (bool(self.missing) and self.candidate_refused)

    @property
    def is_failure(self) -> bool:
        """Whether something submitted is not released, or fails its new tests."""
        return bool(self.missing or self.failed_tests)


def channel_outcome(farm: FarmClient, status: Mapping[str, Any], submitted: Mapping[str, int]) -> ChannelOutcome:
    """Return the decision of a channel, by its settled `status`; `submitted` are jobs by the names of recipes.

    A job that only had new tests counts with the packages of the job that answered it.
    """
    newest, candidate = status["newest"], status["candidate"]
    members = farm.release(status["channel"], newest["number"])["packages"] if newest else []
    released = {member["package"] for member in members}
    built = {name: frozenset(farm.job(job).packages) for name, job in submitted.items()}
    excuses = tuple(candidate["excuses"]) if candidate else ()
    held_back = tuple(
        excuse for excuse in excuses if excuse["cleared-at"] is None and excuse["gate"] != _RELEASED_TESTS
    )
    failed_tests = tuple(excuse for excuse in status["excuses"] if excuse["gate"] == _RELEASED_TESTS)

    def own(some: Excuses) -> Excuses:
        return tuple(excuse for excuse in some if _is_about(excuse, submitted, frozenset().union(*built.values())))

    return ChannelOutcome(
        submitted=submitted,
        missing=frozenset(name for name, packages in built.items() if released.isdisjoint(packages)),
        release=newest["number"] if newest else None,
        candidate=candidate["id"] if candidate else None,
        candidate_refused=bool(candidate) and candidate["state"] == "refused",
        refusal=own(held_back or excuses),
        held_back=own(held_back),
        failed_tests=own(failed_tests),
        others=len({excuse["package"] for excuse in held_back} - {excuse["package"] for excuse in own(held_back)}),
    )


def _is_about(excuse: Mapping[str, Any], submitted: Mapping[str, int], built: Collection[str]) -> bool:
    """Return whether an excuse is about a submitted recipe, a package of one, or the whole candidate."""
    return (
        not excuse["package"]
        or excuse["package"] in submitted
        or excuse.get("descriptor") in built
        or excuse.get("job") in submitted.values()
    )
