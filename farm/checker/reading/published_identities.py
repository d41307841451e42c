"""The checker's own record of published packages: trees by name, version, revision and build number.

It is filled from the signed releases, each of which names the one before, so nobody can change it: it stores the last
release that it has read of each channel, and continues from there. Lost parts are filled again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.checker.reading.checker_record import PublishedRecordError, opened_record
from farm.core.names.digest import Digest
from farm.core.names.printed_version import PrintedIdentity
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.trust.attestation.provenance import build_number_of
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release
from farm.trust.index.release_time import released_time
from farm.trust.index.tree import difference
from farm.trust.layout import BLOBS, release_target
from farm.trust.metadata.delegation import channels_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.index.tree import Difference
    from farm.trust.metadata.repository import Repository

_FILE = "published.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS published (
  name TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, build INTEGER NOT NULL, tree TEXT NOT NULL,
  PRIMARY KEY (name, version, revision, build, tree)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
  descriptor TEXT NOT NULL, channel TEXT NOT NULL, PRIMARY KEY (descriptor, channel)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stay (
  channel TEXT NOT NULL, name TEXT NOT NULL, descriptor TEXT NOT NULL, since TEXT NOT NULL, until TEXT,
  PRIMARY KEY (channel, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last_held (
  channel TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, build INTEGER NOT NULL,
  PRIMARY KEY (channel, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS newest_taken (
  channel TEXT NOT NULL, their_channel TEXT NOT NULL, name TEXT NOT NULL, root TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (channel, their_channel, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (channel TEXT NOT NULL PRIMARY KEY, release TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION = 2
"""A file of an earlier form is filled again from the releases."""
_REMEMBERED = 1024
_TAKEN = "/taken"
"""Follows a channel's name, which cannot contain it: the release up to which the imports are recorded."""
_NEW = ("", "")
"""In place of a channel: nothing was published yet."""
_NOTHING: Mapping[Digest, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class MembershipPeriod:
    """How long a channel has held the package of a descriptor without a break; `until` is None while it does."""

    descriptor: Digest
    since: datetime
    until: datetime | None


class PublishedRecord:
    """The record in the checker's directory. For one process at a time; each call opens the file for itself."""

    def __init__(self, directory: Path) -> None:
        """Make the directory, or check that nobody else can write to it. Raises `PublishedRecordError`."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
        if found.st_mode & 0o022 or found.st_uid != os.geteuid():
            raise PublishedRecordError(
                f"others than the checker can write to {directory}, where it keeps what was published",
                remedy=f"Run `chmod go-w {directory}`, or name a directory of the checker's own with --record.",
            )
        self.directory = directory
        self._path = directory / _FILE

    def trees_of(self, identity: PrintedIdentity) -> Collection[Digest]:
        """Return the trees that were published under an identity."""
        query = "SELECT tree FROM published WHERE name = ? AND version = ? AND revision = ? AND build = ?"
        with self._open() as database:
            return [Digest(tree) for (tree,) in database.execute(query, identity)]

    def channels_of(self, descriptor: Digest) -> frozenset[str]:
        """Return the channels in which a package was published: it has passed their gates."""
        with self._open() as database:
            found = database.execute("SELECT channel FROM held WHERE descriptor = ?", (descriptor,))
            return frozenset(channel for (channel,) in found)

    def stay(self, channel: str, name: str) -> MembershipPeriod | None:
        """Return the last stay of a package on a channel, by short name, of others by full name."""
        query = "SELECT descriptor, since, until FROM stay WHERE channel = ? AND name = ?"
        with self._open() as database:
            found = database.execute(query, (channel, name)).fetchone()
        if found is None:
            return None
        descriptor, since, until = found
        return MembershipPeriod(
            Digest(descriptor), datetime.fromisoformat(since), until and datetime.fromisoformat(until)
        )

    def highest_build(self, names: Iterable[str], version: str, revision: int) -> int:
        """Return the highest build number under which one of these packages was published; 0 when none was."""
        query = "SELECT MAX(build) FROM published WHERE name = ? AND version = ? AND revision = ?"
        with self._open() as database:
            found = (database.execute(query, (name, version, revision)).fetchone()[0] for name in names)
            return max(map(int, filter(None, found)), default=0)

    def last_held(self, channel: str, name: str) -> PrintedIdentity | None:
        """Return what a channel holds under a name, or held last; None if it never held any."""
        with self._open() as database:
            query = "SELECT name, version, revision, build FROM last_held WHERE channel = ? AND name = ?"
            found = database.execute(query, (channel, name)).fetchone()
            return PrintedIdentity(*found) if found else None

    def newest_taken(self, channel: str, their_channel: str, name: str) -> int:
        """Return the newest release of theirs that a channel has, or had last, a package from; 0 for never.

        By the full name of the package, and by anything imported from its distribution: the package may be new here.
        """
        query = "SELECT max(number) FROM newest_taken WHERE channel = ? AND their_channel = ? AND name IN (?, ?)"
        with self._open() as database:
            (found,) = database.execute(query, (channel, their_channel, name, name.rpartition("/")[0])).fetchone()
            return int(found or 0)

    def catch_up(
        self, repository: Repository, now: datetime | None = None, checked: Mapping[Digest, datetime] = _NOTHING
    ) -> int:
        """Read what was published since the last time; return how many packages were new.

        A release gets the time at which it was `checked`, or `now`; the time that it states itself only if nothing is
        recorded of any channel, because that was lost. The cost is that of the changes since then, the first time that
        of all releases.
        Raises `PublishedRecordError`, `RepositoryStateError`, `InvalidReleaseError`, `ProvenanceError`.
        """
        head, blobs = repository.head(), BlobStore(repository.root / BLOBS)
        targets = [
            repository.delegated(head, channel).targets.get(release_target(channel))
            for channel in channels_of(head.targets)
        ]
        newest = [Release.from_json(repository.read_target(target)) for target in targets if target is not None]
        if not self._remembers(is_new=not newest):
            now = None
        return sum(self._catch_up(blobs, release, now, checked) for release in newest)

    def _remembers(self, *, is_new: bool) -> bool:
        """Return whether anything is recorded; for a new repository, record that there was nothing."""
        with self._open() as database:
            if is_new:
                database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", _NEW)
            return database.execute("SELECT 1 FROM seen LIMIT 1").fetchone() is not None

    def _catch_up(
        self, blobs: BlobStore, newest: Release, now: datetime | None, checked: Mapping[Digest, datetime]
    ) -> int:
        def read(blob: BlobRef) -> bytes:
            return blobs.read(blob.digest)

        @lru_cache(_REMEMBERED)  # the packages of one build have one provenance
        def number(provenance: Digest) -> int:
            return build_number_of(blobs.read(provenance))

        count = 0
        with self._open() as database:
            self._take(database, newest, blobs)
            for release, before in steps_since(_seen(database, newest.channel), newest, blobs):
                change = difference(read, before.index if before else None, release.index)
                put = change.put
                _add(database, release.channel, [(entry, number(entry.provenance.digest)) for entry in put])
                at = checked.get(release.digest) or now or released_time(release)
                _move(database, release, before, change, at)
                database.execute("REPLACE INTO seen VALUES (?, ?)", (release.channel, release.digest))
                count += len(put)
        return count

    @staticmethod
    def _take(database: sqlite3.Connection, newest: Release, blobs: BlobStore) -> None:
        """Record the imports. They have a mark of their own, since earlier records lack only these."""
        mark = f"{newest.channel}{_TAKEN}"
        for release, before in steps_since(_seen(database, mark), newest, blobs):
            database.executemany(
                "INSERT INTO newest_taken VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (channel, their_channel, name) DO UPDATE SET root = ?4, "
                "number = CASE WHEN ?6 OR root != ?4 THEN ?5 ELSE max(number, ?5) END",
                _taken(release, before),
            )
        database.execute("REPLACE INTO seen VALUES (?, ?)", (mark, newest.digest))

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        outdated = ("DELETE FROM seen",)
        return opened_record(self._path, _TABLES, _VERSION, outdated=outdated, what="what was published")


def _seen(database: sqlite3.Connection, mark: str) -> str:
    found = database.execute("SELECT release FROM seen WHERE channel = ?", (mark,)).fetchone()
    return str(found[0]) if found else ""


def steps_since(seen: str, newest: Release, blobs: BlobStore) -> Iterable[tuple[Release, Release | None]]:
    """Return each release after `seen`, or of all, with the one before it; the oldest first.

    Raises `PublishedRecordError`.
    """
    steps: list[tuple[Release, Release | None]] = []
    release: Release | None = newest
    while release is not None and release.digest != seen:
        before = None
        if release.previous is not None:
            try:
                before = Release.from_json(blobs.read(release.previous))
            except FarmError as error:
                raise PublishedRecordError(
                    f"the release before release {release.number} of {release.channel} cannot be read: {error.message}",
                    remedy="Bring the repository's blobs back from a backup: what was published has to be known.",
                ) from error
        steps.append((release, before))
        release = before
    return reversed(steps)


def _taken(release: Release, before: Release | None) -> Iterator[tuple[str, str, str, str, int, bool]]:
    """Yield the imports of a release, with their distribution, and whether they are new with it.

    An import from an earlier release than before was ordered by a person: it counts from there. An unchanged import
    becomes no older by that.
    """
    had = imported_descriptors(before.imports if before else ())
    for pin in release.imports:
        came = {name: had.get(name) != digest for name, digest in imported_descriptors([pin]).items()}
        for name, is_new in {pin.distribution: any(came.values()), **came}.items():
            yield release.channel, pin.channel, name, pin.root, pin.number, is_new


def _add(database: sqlite3.Connection, channel: str, entries: Collection[tuple[ReleaseEntry, int]]) -> None:
    held = [(entry.descriptor.digest, channel) for entry, _ in entries]
    database.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", held)
    database.executemany(
        "REPLACE INTO last_held VALUES (?, ?, ?, ?, ?)",
        ((channel, entry.name, entry.version, entry.revision, build) for entry, build in entries),
    )
    database.executemany(
        "INSERT OR IGNORE INTO published VALUES (?, ?, ?, ?, ?)",
        ((entry.name, entry.version, entry.revision, build, entry.manifest.digest) for entry, build in entries),
    )


def _move(
    database: sqlite3.Connection, release: Release, before: Release | None, change: Difference, at: datetime
) -> None:
    """Record what a release added to its channel, and what it removed. Another entry of one package is no move."""
    taken, had = imported_descriptors(release.imports), imported_descriptors(before.imports if before else ())
    there = {entry.name: entry.descriptor.digest for entry in change.put} | taken
    gone = {*change.removed, *(had.keys() - taken.keys())}
    time = at.astimezone(UTC).isoformat()
    database.executemany(
        "INSERT INTO stay VALUES (?, ?, ?, ?, NULL) ON CONFLICT (channel, name) DO UPDATE SET "
        "descriptor = excluded.descriptor, since = excluded.since, until = NULL "
        "WHERE descriptor != excluded.descriptor OR until IS NOT NULL",
        ((release.channel, name, descriptor, time) for name, descriptor in there.items()),
    )
    database.executemany(
        "UPDATE stay SET until = ? WHERE channel = ? AND name = ? AND until IS NULL",
        ((time, release.channel, name) for name in sorted(gone)),
    )
