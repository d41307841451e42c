"""The checker's own record of tests: those that passed for a release, and the recipes that releases named for tests.

The checker knows the results of what it has passed; results that are sent later, or withheld, do not change them. Lost
parts are filled again from the releases, and from the evidence that their summaries name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from farm.checker.reading.checker_record import opened_record
from farm.checker.reading.published_identities import steps_since
from farm.core.names.digest import Digest
from farm.trust.index.release_time import released_time

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release

_FILE = "tests.sqlite"
_ROUNDED = timedelta(seconds=1)
"""By how much a release may be younger than its rounded time."""
_TABLES = """
CREATE TABLE IF NOT EXISTS passed (
  channel TEXT NOT NULL, test TEXT NOT NULL, tester TEXT NOT NULL, PRIMARY KEY (channel, test, tester)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ever_passed (
  channel TEXT NOT NULL, package TEXT NOT NULL, test TEXT NOT NULL, PRIMARY KEY (channel, package, test)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted (
  plan TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, recipe TEXT NOT NULL,
  channel TEXT NOT NULL, number INTEGER NOT NULL, signed TEXT NOT NULL, PRIMARY KEY (plan, name, recipe)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counted_for ON counted (name, version, revision);
CREATE TABLE IF NOT EXISTS seen (channel TEXT NOT NULL PRIMARY KEY, release TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION = 1
"""A file of an earlier form is filled from the releases; passed tests stay, for evidence may be gone."""
_COUNT = "INSERT OR IGNORE INTO counted VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COUNT_AS_SIGNED = """
INSERT INTO counted VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET signed = max(signed, excluded.signed)
"""
_OF_THE_PLAN = "SELECT plan, recipe, channel, number, signed FROM counted WHERE plan = ? ORDER BY signed, number"
_OF_THE_IDENTITY = """
SELECT plan, recipe, channel, number, signed FROM counted WHERE plan IN (
  SELECT plan FROM counted WHERE name = ? AND version = ? AND revision = ?
) ORDER BY signed, number
"""


@dataclass(frozen=True, slots=True)
class PassedTest:
    """A test, by the identity of its order, and the testers (by key id) who have signed that it passed.

    It is the test of this `name` in the recipe of the `package`; both are empty if that can no longer be read.
    """

    test: Digest
    testers: frozenset[str] = frozenset()
    package: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class TestedBuild:
    """A package, by name, version and revision, as it was built by this plan."""

    plan: Digest
    name: str
    version: str
    revision: int


@dataclass(frozen=True, slots=True)
class NamedTests:
    """The recipe that a release names for the tests of a package, and when an owner has signed it; None: not known."""

    build: TestedBuild
    recipe: Digest
    signed: datetime | None


@dataclass(frozen=True, slots=True)
class CountedTests:
    """A recipe that counts for the tests of a build since a release has named it, `signed` by an owner at that time."""

    plan: Digest
    recipe: Digest
    channel: str
    number: int
    signed: datetime


@dataclass(frozen=True, slots=True)
class TestFindings:
    """What is recorded of a release: the tests that have passed for it, and the recipes that it names for tests."""

    passed: tuple[PassedTest, ...] = ()
    named: tuple[NamedTests, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """What the checker has found about a release that it passed, at that time."""

    release: Digest
    at: datetime
    found: TestFindings


class TestRecord:
    """The record in the checker's directory. For one process at a time; each call opens the file for itself."""

    __test__ = False  # pytest would collect it for its name

    def __init__(self, directory: Path, blobs: BlobStore) -> None:
        self._path = directory / _FILE
        self._blobs = blobs

    def testers_of(self, channel: str, test: Digest) -> frozenset[str]:
        """Return the testers for whom a test has passed for a release of a channel."""
        with self._open() as database:
            found = database.execute("SELECT tester FROM passed WHERE channel = ? AND test = ?", (channel, test))
            return frozenset(tester for (tester,) in found)

    def has_ever_passed(self, channel: str, package: str, test: str) -> bool:
        """Return whether a test of a package's recipe, by its name, has passed for any release of a channel."""
        query = "SELECT 1 FROM ever_passed WHERE channel = ? AND package = ? AND test = ?"
        with self._open() as database:
            return database.execute(query, (channel, package, test)).fetchone() is not None

    def counted(self, builds: Iterable[TestedBuild]) -> Mapping[TestedBuild, tuple[CountedTests, ...]]:
        """Return the recipes that releases of any channel have named for the tests of packages; the newest last.

        For a plan without any, those of other builds of the same version and revision.
        """
        with self._open() as database:
            return {build: _counted(database, build) for build in builds}

    def catch_up(
        self,
        newest: Release,
        now: datetime,
        checked: CheckedRelease | None,
        published: Callable[[Release, Release | None], TestFindings],
    ) -> None:
        """Read what a channel has released since the last time.

        The findings about the release `checked` last are given; those of others are read from `published`, each with
        the one before it. They get the time `now`, or the time that they state themselves if nothing is recorded of the
        channel.
        Raises `PublishedRecordError`, `InvalidReleaseError`, `MissingBlobError` and the like.
        """
        channel = newest.channel
        with self._open() as database:
            seen = database.execute("SELECT release FROM seen WHERE channel = ?", (channel,)).fetchone()
            for release, before in steps_since(seen[0] if seen else "", newest, self._blobs):
                known = checked if checked is not None and checked.release == release.digest else None
                at = known.at if known else now if seen else released_time(release) + _ROUNDED
                _keep(database, release, known.found if known else published(release, before), at)
                database.execute("REPLACE INTO seen VALUES (?, ?)", (channel, release.digest))

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        outdated = ("DROP TABLE IF EXISTS named", "DELETE FROM seen")
        return opened_record(self._path, _TABLES, _VERSION, outdated=outdated, what="tests")


def _counted(database: sqlite3.Connection, build: TestedBuild) -> tuple[CountedTests, ...]:
    found = database.execute(_OF_THE_PLAN, (build.plan,)).fetchall() or database.execute(
        _OF_THE_IDENTITY, (build.name, build.version, build.revision)
    )
    return tuple(
        CountedTests(Digest(plan), Digest(recipe), channel, number, datetime.fromisoformat(signed))
        for plan, recipe, channel, number, signed in found
    )


def _keep(database: sqlite3.Connection, release: Release, found: TestFindings, at: datetime) -> None:
    database.executemany(
        "INSERT OR IGNORE INTO passed VALUES (?, ?, ?)",
        [(release.channel, test.test, tester) for test in found.passed for tester in sorted(test.testers)],
    )
    database.executemany(
        "INSERT OR IGNORE INTO ever_passed VALUES (?, ?, ?)",
        [(release.channel, test.package, test.name) for test in found.passed if test.package],
    )
    for tests in found.named:
        build = tests.build
        row = build.plan, build.name, build.version, build.revision, tests.recipe, release.channel, release.number
        # A recipe with an unknown time was signed before its release; another release does not make it newer.
        signed = min(tests.signed or at, at).astimezone(UTC).isoformat(timespec="microseconds")
        database.execute(_COUNT if tests.signed is None else _COUNT_AS_SIGNED, (*row, signed))
