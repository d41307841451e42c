"""How often was published what has one version and revision: a number that is far beyond cannot be one of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farm.names import FIRST_BUILD
from farm.trust.published_identities import PublishedIdentities, PublishedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable


class BuildNumbers(PublishedIdentities, Protocol):
    """Knows which numbers builds have that were published, in any channel of one repository."""

    def highest_build(self, names: Iterable[str], version: str, revision: int) -> int:
        """Return the highest number under which one of these packages was published; 0 when none was."""


class PublishedBuilds(PublishedRecord):
    """The checker's record of what was published, asked for numbers too."""

    def highest_build(self, names: Iterable[str], version: str, revision: int) -> int:
        """Return the highest number under which one of these packages was published; 0 when none was."""
        query = "SELECT MAX(build) FROM published WHERE name = ? AND version = ? AND revision = ?"
        with self._open() as database:
            found = (database.execute(query, (name, version, revision)).fetchone()[0] for name in names)
            return max(map(int, filter(None, found)), default=FIRST_BUILD - 1)
