"""The API for security advisories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.api import answers
from farm.api.farm_client import FarmClient, segment, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class AdvisoryClient(FarmClient):
    """A connection to a farm, to look at advisories, and (in the name of a curator) to add them."""

    def add_advisory(
        self, document: Mapping[str, Any], *, allow_unknown: bool = False, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Add an advisory in OSV's form, or a newer state of one; returns what came of it, and what is hit.

        With `allow_unknown` it may speak of packages that nothing has ever made; so may statements. In `envelope` the
        sender signs what is said, here as below.
        """
        path = f"/api/v1/advisories{_asking(allow_unknown=allow_unknown)}"
        return self._act("POST", path, answers.ADDED_ADVISORY, _beside(document, envelope))

    def state(
        self, document: Mapping[str, Any], *, allow_unknown: bool = False, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Add what an OpenVEX document states; returns how much of it is new."""
        path = f"/api/v1/vex{_asking(allow_unknown=allow_unknown)}"
        return self._act("POST", path, answers.STATED, _beside(document, envelope))

    def review(
        self, packages: Sequence[str], source: str, at: str = "", *, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """State that packages were looked at for vulnerabilities, now or `at` a time; returns how much of it is new."""
        form = {"packages": list(packages), "source": source, "at": at or None} | signed(envelope)
        return self._act("POST", "/api/v1/reviews", answers.REVIEWED, form)

    def reviews(self, package: str = "") -> dict[str, Any]:
        """Return which packages were looked at, against what and when; or of one package."""
        return self._get_json("/api/v1/reviews", answers.REVIEWS, package=package or None)

    def advisory(self, number: str) -> dict[str, Any]:
        """Return one advisory, and which newest releases it hits."""
        return self._get_json(f"/api/v1/advisories/{segment(number)}", answers.ADVISORY)

    def advisories(self, package: str = "") -> Iterator[dict[str, Any]]:
        """Yield all advisories by id, or those that speak of one package."""
        after: str | None = None
        while True:
            page = self._get_json("/api/v1/advisories", answers.ADVISORIES, package=package or None, after=after)
            yield from page["advisories"]
            after = page["next-after"]
            if after is None:
                return


def _beside(document: Mapping[str, Any], envelope: bytes | None) -> dict[str, Any]:
    """Return the body with a document: as it is, which every farm reads, or beside what its sender has signed."""
    return dict(document) if envelope is None else {"document": dict(document)} | signed(envelope)


def _asking(*, allow_unknown: bool) -> str:
    return "?allow-unknown=true" if allow_unknown else ""
