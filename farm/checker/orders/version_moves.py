"""What a release changes, package by package: the build of each name before and now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.printed_version import PrintedIdentity
from farm.core.names.version import Version
from farm.trust.attestation.provenance import build_number_of
from farm.trust.index.imports import imported_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.checker.reading.change import ReleaseChange
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release, ReleaseEntry


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A name whose package changes, by descriptor: `before` is None for one that enters, `after` for one that leaves.

    `older_than` is what the channel has, or had last, where the new package is older than that.
    """

    name: str
    before: Digest | None
    after: Digest | None
    label: str = ""
    older_than: str = ""

    @property
    def effect(self) -> str:
        """What the release does to it, in two words."""
        if self.before is None:
            return "adds it"
        return "drops it" if self.after is None else "changes it"


def moves_of(change: ReleaseChange, blobs: BlobStore, held: PublishedRecord) -> tuple[VersionChange, ...]:
    """Return what differs from the release before: own packages and imported ones."""
    return *_own(change, blobs, held), *_imported(change.release, change.previous, held)


def _own(change: ReleaseChange, blobs: BlobStore, held: PublishedRecord) -> Iterator[VersionChange]:
    for entry in change.coming:
        was, now = change.was.get(entry.name), _identity(entry, blobs)
        last = held.last_held(change.release.channel, entry.name)
        older = str(last) if last is not None and _age(now) < _age(last) else ""
        yield VersionChange(
            entry.name, was.descriptor.digest if was else None, entry.descriptor.digest, str(now), older
        )
    for entry in change.going:
        yield VersionChange(entry.name, entry.descriptor.digest, None)


def _imported(release: Release, previous: Release | None, held: PublishedRecord) -> Iterator[VersionChange]:
    """Yield the moves of imported packages: these are as old as the release that they are imported from."""
    was, now = imported_packages(previous.imports if previous else ()), imported_packages(release.imports)
    for name in sorted(was.keys() | now.keys()):
        old, new = was.get(name), now.get(name)
        before, after = old[1].descriptor if old else None, new[1].descriptor if new else None
        if before == after:
            continue
        older = ""
        if new is not None:
            taken = new[0]
            newest = held.newest_taken(release.channel, taken.channel, name)
            if taken.number < newest:
                older = f"that of release {newest} of {taken.distribution}/{taken.channel}"
        yield VersionChange(name, before, after, f"{name} of {new[0]}" if new else "", older)


def _identity(entry: ReleaseEntry, blobs: BlobStore) -> PrintedIdentity:
    build = build_number_of(blobs.read(entry.provenance.digest))
    return PrintedIdentity(entry.name, entry.version, entry.revision, build)


def _age(identity: PrintedIdentity) -> tuple[Version, int, int]:
    return Version(identity.version), identity.revision, identity.build
