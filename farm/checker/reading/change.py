"""The changes of a release against the one before it, computed once for all checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.trust.index.tree import IndexTree, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release, ReleaseEntry


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A release, the one before it, and the differences of their indexes: entries that are `put`, names `removed`.

    `was` are the entries that these names had before.
    """

    release: Release
    previous: Release | None
    put: tuple[ReleaseEntry, ...]
    removed: tuple[str, ...]
    was: Mapping[str, ReleaseEntry]

    @classmethod
    def of(cls, release: Release, previous: Release | None, blobs: BlobStore) -> ReleaseChange:
        """Compare two releases whose indexes lie in `blobs`; equal parts are not read.

        Raises `RefusedReleaseError`, `InvalidReleaseError`, `MissingBlobError` and the like.
        """
        read = PublishedDocuments(blobs).blob
        found = difference(read, previous.index if previous else None, release.index)
        was = {}
        if previous is not None:
            before = IndexTree(read, previous.index)
            names = (*(entry.name for entry in found.put), *found.removed)
            was = {name: entry for name in names if (entry := before.entry(name))}
        return cls(release, previous, found.put, found.removed, was)

    @property
    def coming(self) -> tuple[ReleaseEntry, ...]:
        """The entries whose package differs from before; other entries may differ, e.g., in their provenance."""
        return tuple(
            entry
            for entry in self.put
            if (old := self.was.get(entry.name)) is None or old.descriptor != entry.descriptor
        )

    @property
    def going(self) -> tuple[ReleaseEntry, ...]:
        """The entries of the release before whose packages have left."""
        return tuple(self.was[name] for name in self.removed)
