"""What a channel has decided about packages that were submitted to a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.api.farm_client import FarmClient

    Excuses = tuple[Mapping[str, Any], ...]

_RELEASED_TESTS = "released-tests"


@dataclass(frozen=True, slots=True)
class ChannelOutcome:
    """The decision of a channel about submitted recipes.

    `missing` are those whose packages, as their jobs have built them, are not in the newest release (number
    `release`, None before the first one). `candidate` is the number of the channel's candidate, if there is one,
    and `candidate_refused` says that it was refused, by the excuses `refusal`. `held_back` are the excuses in
    force, `failed_tests` those of new tests that fail on the released packages.
    """

    submitted: Mapping[str, int]
    missing: frozenset[str]
    release: int | None
    candidate: int | None
    candidate_refused: bool
    refusal: Excuses
    held_back: Excuses
    failed_tests: Excuses

    @property
    def nothing_released(self) -> bool:
        """Whether no release with the submitted packages was made."""
        return bool(self.missing) and (self.candidate_refused or self.release is None)

    @property
    def is_failure(self) -> bool:
        """Whether something submitted is not released, or fails its new tests."""
        return bool(self.missing) or any(excuse["package"] in self.submitted for excuse in self.failed_tests)


def channel_outcome(farm: FarmClient, status: Mapping[str, Any], submitted: Mapping[str, int]) -> ChannelOutcome:
    """Return the decision of a channel, by its settled `status`; `submitted` are jobs by the names of recipes.

    A job that only had new tests counts with the packages of the job that answered it.
    """
    newest, candidate = status["newest"], status["candidate"]
    members = farm.release(status["channel"], newest["number"])["packages"] if newest else []
    released = {member["package"] for member in members}
    excuses = tuple(candidate["excuses"]) if candidate else ()
    held_back = tuple(
        excuse for excuse in excuses if excuse["cleared-at"] is None and excuse["gate"] != _RELEASED_TESTS
    )
    return ChannelOutcome(
        submitted=submitted,
        missing=frozenset(name for name, job in submitted.items() if released.isdisjoint(farm.job(job).packages)),
        release=newest["number"] if newest else None,
        candidate=candidate["id"] if candidate else None,
        candidate_refused=bool(candidate) and candidate["state"] == "refused",
        refusal=held_back or excuses,
        held_back=held_back,
        failed_tests=tuple(excuse for excuse in status["excuses"] if excuse["gate"] == _RELEASED_TESTS),
    )
