"""The data that packages are checked against: whose advisory list, how old it is, and which packages it covers.

The absence of advisories for a package means something only where a reviewer has checked the package and recorded that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from farm.client.repository.download import Downloads
    from farm.client.repository.subscriptions import Subscription
    from farm.core.names.digest import Digest
    from farm.trust.index.imports import Import

    AdvisoryDocuments = tuple[Mapping[str, bytes], Downloads]
    """Signed documents about advisories by name, and what fetches the blobs that they name."""


@dataclass(frozen=True, slots=True)
class AdvisorySource:
    """What `distribution` has signed about packages.

    `advisories` is the number of advisories in its list, None where it has no list. `list_digest` is the digest of the
    list, `signed` the time when that list was first signed, None where that is not recorded. `packages` are pairs of a
    full name and the time of the last review, None where no review is recorded.
    """

    distribution: str
    packages: tuple[tuple[str, datetime | None], ...]
    advisories: int | None = None
    list_digest: Digest | None = None
    signed: datetime | None = None

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The packages for which no review is recorded."""
        return tuple(name for name, at in self.packages if at is None or self.advisories is None)

    @property
    def oldest(self) -> datetime | None:
        """The oldest of the packages' last reviews."""
        return min((at for _, at in self.packages if at), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "distribution": self.distribution,
            "list": self.list_digest,
            "advisories": self.advisories,
            "signed": self.signed.isoformat() if self.signed else None,
            "packages": len(self.packages),
            "covered": len(self.packages) - len(self.uncovered),
            "oldest-review": self.oldest.isoformat() if self.oldest else None,
        }

    def sentence(self, now: datetime | None = None) -> str:
        """Return it as a sentence; with `now`, the sentence includes the age."""
        if self.advisories is None:
            return f"{self.distribution} publishes no advisories."
        number = "1 advisory" if self.advisories == 1 else f"{self.advisories} advisories"
        signed = f", signed {day(self.signed, now)}" if self.signed else ""
        covered = len(self.packages) - len(self.uncovered)
        oldest = f", the oldest review {day(self.oldest, now)}" if self.oldest and covered else ""
        return (
            f"Checked against the advisories of {self.distribution}: {number}{signed}; "
            f"{covered} of {len(self.packages)} packages reviewed for vulnerabilities{oldest}."
        )


class AdvisoryLists(Protocol):
    """A source of the signed documents about advisories, such as a `Host`."""

    def advisories(self, subscription: Subscription) -> AdvisoryDocuments:
        """Return the documents of a followed distribution; empty where it publishes none."""

    def imported_advisories(self, pin: Import, subscription: Subscription) -> AdvisoryDocuments:
        """Return the documents of a distribution from which a release of a followed one imports packages."""


def merged(found: Iterable[AdvisorySource]) -> tuple[AdvisorySource, ...]:
    """Merge the sources of several channels, so that each list occurs once."""
    by_list: dict[tuple[str, Digest | None], AdvisorySource] = {}
    for source in found:
        key = (source.distribution, source.list_digest)
        packages = dict(source.packages) | (dict(by_list[key].packages) if key in by_list else {})
        by_list[key] = replace(source, packages=tuple(sorted(packages.items())))
    return tuple(by_list[key] for key in sorted(by_list, key=lambda key: (key[0], key[1] or "")))


def day(at: datetime, now: datetime | None = None) -> str:
    """Return the date of a time and, with `now`, how many days ago that was."""
    past = (now - at).days if now else 0
    ago = f" ({past} day{'s' * (past != 1)} ago)" if past > 0 else ""
    return f"on {at:%Y-%m-%d}{ago}"
