"""Reading the index of a release: one package, all of them, or the difference of two releases. Pure except for `read`.

`read` returns the verified bytes of a blob. Nodes that two releases share are not read when these are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.trust.index.imports import imported_packages
from farm.trust.index.node import Branch, Child, Leaf, Listing, listing_of, path_of, read_node
from farm.trust.index.release_index import InvalidReleaseError, ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import Release

    Read = Callable[[BlobRef], bytes]
    Prefetch = Callable[[Sequence[BlobRef]], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two sets of packages: entries to add or replace, and names to remove."""

    put: tuple[ReleaseEntry, ...]
    removed: tuple[str, ...]


class IndexTree:
    """The packages under one root. Nodes on the way to packages are cached."""

    def __init__(self, read: Read, root: BlobRef) -> None:
        self._read = read
        self._root = root
        self._kept: dict[str, Leaf | Branch] = {}

    def packages(self) -> int:
        """Return how many packages there are."""
        return self._top().packages

    def listing(self, name: str) -> Listing | None:
        """Return the line of a package by its short name, or None; reads the nodes on its path."""
        path = path_of(name)
        node = self._top()
        while isinstance(node, Branch):
            child = next((child for child in node.children if path.startswith(child.bits)), None)
            if child is None:
                return None
            if child.bits not in self._kept:
                self._kept[child.bits] = open_node(self._read, child)
            node = self._kept[child.bits]
        return next((listing for listing in node.listings if listing.name == name), None)

    def entry(self, name: str) -> ReleaseEntry | None:
        """Return the entry of a package by its short name, or None."""
        listing = self.listing(name)
        return read_entry(self._read, listing) if listing else None

    def _top(self) -> Leaf | Branch:
        if "" not in self._kept:
            self._kept[""] = read_node(self._read(self._root), "")
        return self._kept[""]


def listings(read: Read, root: BlobRef, prefetch: Prefetch = lambda _blobs: None) -> Iterator[Listing]:
    """Yield the lines of all packages. `prefetch` is given the blobs that are read next."""
    waiting = [read_node(read(root), "")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Leaf):
            yield from node.listings
        else:
            prefetch([child.node for child in node.children])
            waiting.extend(open_node(read, child) for child in reversed(node.children))


def entries(read: Read, root: BlobRef) -> Iterator[ReleaseEntry]:
    """Yield the entries of all packages: one blob each."""
    for listing in listings(read, root):
        yield read_entry(read, listing)


def needed_in(release: Release, tree: IndexTree, names: Iterable[str]) -> frozenset[str]:
    """Return what these packages need, and what that needs in turn; themselves too. `tree` is the release's index.

    Raises what reading a blob raises, and `InvalidReleaseError`.
    """
    imported, seen = imported_packages(release.imports), set(names)
    waiting = sorted(seen)
    while waiting:
        name = waiting.pop()
        if name in imported:
            needs = imported[name][1].needs
        else:
            entry = None if "/" in name else tree.entry(name)
            needs = entry.needs if entry else ()
        waiting += sorted(set(needs) - seen)
        seen.update(needs)
    return frozenset(seen)


def difference(read: Read, old: BlobRef | None, new: BlobRef) -> Difference:
    """Return the difference from the packages under `old` to those under `new`; equal subtrees are skipped."""
    put, removed = listing_difference(read, old, new)
    return Difference(tuple(read_entry(read, listing) for listing in put), removed)


def listing_difference(read: Read, old: BlobRef | None, new: BlobRef) -> tuple[tuple[Listing, ...], tuple[str, ...]]:
    """As `difference`, but with the lines of packages: their entries are not read."""
    before: dict[str, Listing] = {}
    after: dict[str, Listing] = {}
    if old != new:
        left = _parts(read_node(read(old), ""), before) if old else ()
        _gather(read, left, _parts(read_node(read(new), ""), after), before, after)
    put = tuple(listing for name, listing in sorted(after.items()) if before.get(name) != listing)
    return put, tuple(sorted(before.keys() - after.keys()))


def open_node(read: Read, child: Child) -> Leaf | Branch:
    """Read a child node; raises `InvalidReleaseError` if its parent names another number of packages."""
    node = read_node(read(child.node), child.bits)
    if node.packages != child.packages:
        raise InvalidReleaseError(
            f"a node of the release index has {node.packages} packages, and the one above it says {child.packages}"
        )
    return node


def read_entry(read: Read, listing: Listing) -> ReleaseEntry:
    """Read the entry of a line; raises `InvalidReleaseError` if the line is not that of the entry."""
    entry = ReleaseEntry.from_json(read(listing.entry))
    if listing_of(entry, listing.entry) != listing:
        raise InvalidReleaseError(f"the entry of {listing.name} is not the one that the release index lists")
    return entry


def _gather(
    read: Read,
    old: Iterable[Child],
    new: Iterable[Child],
    before: dict[str, Listing],
    after: dict[str, Listing],
) -> None:
    """Add the lines below nodes that are on one side only; nodes on both sides need no reading."""
    left, right = {child.bits: child for child in old}, {child.bits: child for child in new}
    for bits in sorted(left.keys() | right.keys()):
        was, now = left.get(bits), right.get(bits)
        if was != now:
            left_parts = _parts(open_node(read, was), before) if was else ()
            right_parts = _parts(open_node(read, now), after) if now else ()
            _gather(read, left_parts, right_parts, before, after)


def _parts(node: Leaf | Branch, found: dict[str, Listing]) -> tuple[Child, ...]:
    """Return the children of a branch; of a leaf add the lines to `found`."""
    if isinstance(node, Branch):
        return node.children
    found.update((listing.name, listing) for listing in node.listings)
    return ()
