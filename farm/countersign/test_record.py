"""The checker's own record of tests: which have passed for a release, and whose tests a release has named.

Of what it lets in, the checker knows how the tests went; what is brought later, or kept back, changes nothing of that.
What was lost is filled anew from the releases, and from the evidence that their summaries name.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from farm.countersign.described import Described
from farm.names import Digest
from farm.trust.index_tree import difference
from farm.trust.published_identities import PublishedRecordError, steps_since
from farm.trust.release_time import released_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from farm.blobs import BlobStore
    from farm.trust.release_index import Release

_FILE = "tests.sqlite"
_ROUNDED = timedelta(seconds=1)
"""By so much a release may be younger than it says."""
_TABLES = """
CREATE TABLE IF NOT EXISTS passed (
  channel TEXT NOT NULL, test TEXT NOT NULL, tester TEXT NOT NULL, PRIMARY KEY (channel, test, tester)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS named (
  channel TEXT NOT NULL, descriptor TEXT NOT NULL, recipe TEXT NOT NULL, number INTEGER NOT NULL, since TEXT NOT NULL,
  PRIMARY KEY (channel, descriptor, recipe)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (channel TEXT NOT NULL PRIMARY KEY, release TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class PassedTest:
    """That these testers (by key id) have signed that a test, in one very order, has passed."""

    test: Digest
    testers: frozenset[str]


@dataclass(frozen=True, slots=True)
class CheckedTests:
    """What the checker has found of a release that it let in, at that time."""

    release: Digest
    at: datetime
    passed: tuple[PassedTest, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedTests:
    """That a release was the first to name this recipe for the tests of a package, of what is released since then."""

    recipe: Digest
    number: int
    since: datetime


class TestRecord:
    """The record in a directory of the checker's. For one process at a time; each call opens the file for itself."""

    __test__ = False  # pytest would collect it for its name

    def __init__(self, directory: Path, blobs: BlobStore) -> None:
        self._path = directory / _FILE
        self._blobs = blobs

    def testers_of(self, channel: str, test: Digest) -> frozenset[str]:
        """Return which testers have passed a test for a release of a channel."""
        with self._open() as database:
            found = database.execute("SELECT tester FROM passed WHERE channel = ? AND test = ?", (channel, test))
            return frozenset(tester for (tester,) in found)

    def named(self, channel: str, descriptor: Digest) -> tuple[NamedTests, ...]:
        """Return which recipes releases of a channel have named for the tests of a package; the newest last."""
        query = "SELECT recipe, number, since FROM named WHERE channel = ? AND descriptor = ? ORDER BY number"
        with self._open() as database:
            return tuple(
                NamedTests(Digest(recipe), number, datetime.fromisoformat(since))
                for recipe, number, since in database.execute(query, (channel, descriptor))
            )

    def catch_up(
        self,
        newest: Release,
        now: datetime,
        checked: CheckedTests | None,
        published: Callable[[Release], Collection[PassedTest]],
    ) -> None:
        """Read what a channel has released since it was last asked to.

        Of the release that was `checked` last it is known how its tests went, of others by what is `published`. These
        are of `now`, or of the time that they say themselves where nothing is remembered of the channel.
        Raises `PublishedRecordError`, `InvalidReleaseError`, `MissingBlobError` and the like.
        """
        read, channel = Described(self._blobs).blob, newest.channel
        with self._open() as database:
            seen = database.execute("SELECT release FROM seen WHERE channel = ?", (channel,)).fetchone()
            for release, before in steps_since(seen[0] if seen else "", newest, self._blobs):
                known = checked if checked is not None and checked.release == release.digest else None
                passed = known.passed if known else published(release)
                at = known.at if known else now if seen else released_time(release) + _ROUNDED
                database.executemany(
                    "INSERT OR IGNORE INTO passed VALUES (?, ?, ?)",
                    [(channel, each.test, tester) for each in passed for tester in sorted(each.testers)],
                )
                put = difference(read, before.index if before else None, release.index).put
                time = at.astimezone(UTC).isoformat()
                database.executemany(
                    "INSERT OR IGNORE INTO named VALUES (?, ?, ?, ?, ?)",
                    [(channel, each.descriptor.digest, each.tested_by, release.number, time) for each in put],
                )
                database.execute("REPLACE INTO seen VALUES (?, ?)", (channel, release.digest))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path)) as database, database:
                database.executescript(_TABLES)
                yield database
        except sqlite3.Error as error:
            raise PublishedRecordError(
                f"the record of tests, {self._path}, cannot be kept: {error}",
                remedy="See that there is room. A damaged file may be removed: it is filled anew from the releases.",
            ) from error
