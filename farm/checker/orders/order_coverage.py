"""The moves of a release that an order covers, by the releases that it names by digest."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.errors import FarmError
from farm.trust.attestation.curator_order import NO_RELEASE, Act
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree, difference, needed_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.checker.builds.outputs import Outputs
    from farm.checker.orders.version_moves import VersionChange
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.curator_order import CuratorOrder
    from farm.trust.index.release_index import ReleaseEntry


class Coverage:
    """The `moves` of one release, and which of them orders cover."""

    def __init__(self, releases: Releases, outputs: Outputs, moves: Sequence[VersionChange]) -> None:
        self.moves = moves
        self._releases = releases
        self._outputs = outputs
        self._by_name = {move.name: move for move in moves}
        self._moving = lru_cache(64)(self._named_that_come)

    def of(self, orders: Sequence[CuratorOrder]) -> Iterator[VersionChange]:
        """Yield the moves that one of these orders covers."""
        return (move for move in self.moves if any(self.covers(order, move) for order in orders))

    def lets_come(self, order: CuratorOrder, move: VersionChange) -> bool:
        """Return whether an order lets a package enter, by itself or with the other outputs of its build."""
        if order.act is not Act.RETRY or "/" in move.name or self.covers(order, move):
            return self.covers(order, move)
        return any(self._outputs.are_of_one_build(move.name, name, package) for name, package in order.packages.items())

    def covers(self, order: CuratorOrder, move: VersionChange) -> bool:
        """Return whether an order is for exactly this change: it names, or its release has, the new package."""
        if order.act is Act.RETRY:
            return move.after is not None and order.packages.get(move.name) == move.after
        if order.target is None:
            return False
        if order.packages and move.name not in order.packages and not self._comes_along(order, order.target, move):
            return False
        channel = order.channel if order.act is Act.ROLLBACK else order.origin
        return self._releases.holds(order.target, channel, move.name, move.after)

    def _comes_along(self, order: CuratorOrder, target: Digest, move: VersionChange) -> bool:
        """Return whether an imported package enters with one that is ordered by name and needs it in the release.

        To leave, to become older, or to enter without what needs it, it has to be ordered by its own name or with all.
        """
        if order.act is not Act.PROMOTE or "/" not in move.name or move.after is None or move.older_than:
            return False
        moving = self._moving(target, order.origin, frozenset(order.packages))
        return move.name in self._releases.needed(self._outputs.change.release, moving)

    def _named_that_come(self, target: Digest, origin: str, names: frozenset[str]) -> frozenset[str]:
        moves = [move for name in names if (move := self._by_name.get(name)) is not None and move.after is not None]
        return frozenset(move.name for move in moves if self._releases.holds(target, origin, move.name, move.after))


class Releases:
    """Releases by digest: what they hold, and which are their ancestors."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blob = PublishedDocuments(blobs).blob
        self._read = lru_cache(256)(lambda digest: Release.from_json(blobs.read(digest)))
        self._tree = lru_cache(8)(lambda index: IndexTree(self._blob, index))
        self.needed = lru_cache(8)(lambda release, names: needed_in(release, self._tree(release.index), names))

    def is_ancestor(self, base: Digest, newest: Release | None) -> bool:
        """Return whether `base` is the newest release of a channel, one before it, or `NO_RELEASE`."""
        if base == NO_RELEASE:
            return True
        earlier = self._found(base)
        if earlier is None or newest is None or earlier.channel != newest.channel:
            return False
        release: Release | None = newest
        while release is not None and release.number > earlier.number:
            release = self._found(release.previous) if release.previous else None
        return release is not None and release.digest == base

    def holds(self, digest: Digest, channel: str, name: str, package: Digest | None) -> bool:
        """Return whether a release of a channel holds this package under a name; None: whether it holds none."""
        release = self._found(digest)
        if release is None or release.channel != channel:
            return False
        if "/" in name:
            return imported_descriptors(release.imports).get(name) == package
        entry = self._tree(release.index).entry(name)
        return (entry.descriptor.digest if entry else None) == package

    def hold_the_same(self, digest: Digest, release: Release) -> bool:
        """Return whether a release of the same channel holds exactly the packages of another, with equal entries.

        Rebuilds and tests may differ: they are checked wherever an entry differs.
        """
        other = self._found(digest)
        if other is None or other.channel != release.channel:
            return False
        if imported_descriptors(other.imports) != imported_descriptors(release.imports):
            return False
        found, tree = difference(self._blob, other.index, release.index), self._tree(other.index)
        as_before = (_but_for_others(tree.entry(entry.name)) == _but_for_others(entry) for entry in found.put)
        return not found.removed and all(as_before)

    def _found(self, digest: Digest) -> Release | None:
        try:
            return self._read(digest)
        except FarmError:
            return None


def _but_for_others(entry: ReleaseEntry | None) -> ReleaseEntry | None:
    return replace(entry, rebuilds=(), tests=None) if entry else None
