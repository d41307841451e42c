"""Edits the index of a release: new nodes for what changed, old ones for the rest. Pure except for `read`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.index.node import (
    BRANCH_BITS,
    LEAF_PACKAGES,
    Branch,
    Child,
    Leaf,
    listing_of,
    path_of,
    read_node,
    write_node,
)
from farm.trust.index.release_index import InvalidReleaseError
from farm.trust.index.tree import open_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.trust.index.node import Listing
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.index.tree import Read

    Lines = dict[str, Listing]  # by path


@dataclass(frozen=True, slots=True)
class Extension:
    """A changed index: its root, how many packages it has, and the blobs that are new.

    The root is a function of the packages alone, however they were added.
    """

    root: BlobRef
    packages: int
    blobs: tuple[bytes, ...]


def extend(read: Read, root: BlobRef | None, put: Iterable[ReleaseEntry] = (), remove: Iterable[str] = ()) -> Extension:
    """Put entries into the index under `root` (None: an empty one), replacing those of the same name; remove names.

    Removing an absent name changes nothing. The cost is that of the change: the nodes on the paths of the changed
    names, and a leaf's neighbour if both shrink into one. Raises `InvalidReleaseError`.
    """
    edit = _Edit(read)
    changes: dict[str, Listing | None] = {path_of(name): None for name in remove}
    entries = list(put)
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise InvalidReleaseError(f"{twice[0]} is put into the release index twice")
    for entry in entries:
        changes[path_of(entry.name)] = edit.take(entry)
    return edit.extension(root, changes)


class _Edit:
    """One change: the blobs that it has made, and which of those existed before."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._made: dict[Digest, bytes] = {}
        self._there: set[Digest] = set()

    def take(self, entry: ReleaseEntry) -> Listing:
        return listing_of(entry, self._keep(entry.to_json()))

    def extension(self, root: BlobRef | None, changes: Mapping[str, Listing | None]) -> Extension:
        old: Leaf | Branch = Leaf("", ())
        if root is not None:
            old = read_node(self._read(root), "")
            self._there.add(root.digest)
        children, lines = self._changed(old, changes)
        if not children:
            children = (self._leaf("", lines),)
        (top,) = children
        blobs = tuple(content for digest, content in self._made.items() if digest not in self._there)
        return Extension(top.node, top.packages, blobs)

    def _changed(self, node: Leaf | Branch, changes: Mapping[str, Listing | None]) -> tuple[tuple[Child, ...], Lines]:
        """Return the result for a node: a branch in its place, or lines, which its parent divides again.

        These fit one leaf, unless the node has overflowed at a place where no branch may be.
        """
        children: list[Child] = []
        lines: Lines = {}
        rest = dict(changes)
        if isinstance(node, Leaf):
            lines = {path_of(listing.name): listing for listing in node.listings}
            self._there.update(line.entry.digest for path, line in lines.items() if changes.get(path) == line)
            for path in changes:
                lines.pop(path, None)
        else:
            for child in node.children:
                mine = {path: rest.pop(path) for path in changes if path.startswith(child.bits)}
                if not mine:
                    children.append(child)
                    continue
                inner, loose = self._changed(self._open(child), mine)
                children += inner
                lines |= loose
        lines |= {path: listing for path, listing in rest.items() if listing is not None}
        if len(node.bits) % BRANCH_BITS:
            return (), lines
        return self._settled(node.bits, children, lines)

    def _settled(self, bits: str, children: Sequence[Child], lines: Lines) -> tuple[tuple[Child, ...], Lines]:
        packages = _count(children, lines)
        if packages <= LEAF_PACKAGES:
            return (), self._loosened(children, lines)
        deepest = len(bits) + BRANCH_BITS
        parts = [
            part for half in "01" for part in self._divided(bits + half, deepest, *_under(bits + half, children, lines))
        ]
        branch = Branch(bits, tuple(parts))
        return (Child(bits, packages, self._node(branch)),), {}

    def _divided(self, bits: str, deepest: int, children: Sequence[Child], lines: Lines) -> Iterator[Child]:
        """Yield the children, from `bits` on down, of the branch whose children have `deepest` bits at most."""
        packages = _count(children, lines)
        if not packages:
            return
        if not lines and [child.bits for child in children] == [bits]:
            yield children[0]  # nothing has changed below
        elif packages <= LEAF_PACKAGES:
            yield self._leaf(bits, self._loosened(children, lines))
        elif len(bits) == deepest:
            yield from self._settled(bits, children, lines)[0]
        else:
            for half in (bits + "0", bits + "1"):
                yield from self._divided(half, deepest, *_under(half, children, lines))

    def _loosened(self, children: Iterable[Child], lines: Lines) -> Lines:
        """Return `lines` together with those of `children`, which are leaves."""
        loose = dict(lines)
        for child in children:
            node = self._open(child)
            if isinstance(node, Leaf):
                loose |= {path_of(listing.name): listing for listing in node.listings}
        return loose

    def _leaf(self, bits: str, lines: Lines) -> Child:
        leaf = Leaf(bits, tuple(sorted(lines.values(), key=lambda listing: listing.name)))
        return Child(bits, leaf.packages, self._node(leaf))

    def _open(self, child: Child) -> Leaf | Branch:
        self._there.add(child.node.digest)
        return open_node(self._read, child)

    def _node(self, node: Leaf | Branch) -> BlobRef:
        content = write_node(node)
        read_node(content, node.bits)  # as clients do: what they refuse must not be published
        return self._keep(content)

    def _keep(self, content: bytes) -> BlobRef:
        digest = Digest.of(content)
        self._made[digest] = content
        return BlobRef(digest, len(content))


def _under(bits: str, children: Iterable[Child], lines: Lines) -> tuple[list[Child], Lines]:
    there = [child for child in children if child.bits.startswith(bits)]
    return there, {path: listing for path, listing in lines.items() if path.startswith(bits)}


def _count(children: Iterable[Child], lines: Lines) -> int:
    return sum(child.packages for child in children) + len(lines)
