"""The nodes of a release's index, as bytes and as values. Strict: a set of packages has exactly one form.

The place of a package is given by the bits of the sha256 of its name. A branch divides its packages by the next bits, a
leaf lists them; what fits into one leaf is never divided.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import NotCanonicalizableError, canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.plan.job import BlobRef
from farm.trust.index.release_index import FORMAT, LARGEST_ENTRY, LARGEST_NODE, InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.trust.index.release_index import ReleaseEntry

LEAF_PACKAGES = 32
"""The most packages of a leaf."""
PATH_BITS = 256
"""The length of a path: sha256 has this many bits."""
BRANCH_BITS = 4
"""The most bits by which a branch divides: into 16 children."""
_LARGEST_CONTENT = 1 << 20
"""Bytes of a node before compression. With the longest names and summaries that a recipe may have, it is 40 kB."""
_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Listing:
    """The line of one package: what a search shows, and its entry's blob. `archive_size` is in bytes."""

    name: str
    version: str
    revision: int
    summary: str
    archive_size: int
    entry: BlobRef


@dataclass(frozen=True, slots=True)
class Child:
    """A node as its parent names it: its path from the root in bits, its number of packages, and its blob."""

    bits: str
    packages: int
    node: BlobRef

    @property
    def is_leaf(self) -> bool:
        """Whether the node is a leaf."""
        return self.packages <= LEAF_PACKAGES


@dataclass(frozen=True, slots=True)
class Leaf:
    """A node that lists packages, sorted by name."""

    bits: str
    listings: tuple[Listing, ...]

    @property
    def packages(self) -> int:
        """The number of its packages."""
        return len(self.listings)


@dataclass(frozen=True, slots=True)
class Branch:
    """A node that divides its packages among children, sorted by their bits."""

    bits: str
    children: tuple[Child, ...]

    @property
    def packages(self) -> int:
        """The number of its packages."""
        return sum(child.packages for child in self.children)


def path_of(name: str) -> str:
    """Return the path of a package by its short name: `PATH_BITS` characters, each 0 or 1."""
    return f"{int.from_bytes(hashlib.sha256(name.encode()).digest(), 'big'):0{PATH_BITS}b}"


def listing_of(entry: ReleaseEntry, blob: BlobRef) -> Listing:
    """Return the index's line for an entry, whose blob is `blob`."""
    return Listing(entry.name, entry.version, entry.revision, entry.summary, entry.archive.size, blob)


def write_node(node: Leaf | Branch) -> bytes:
    """Return the blob of a node: compressed canonical JSON. Raises `InvalidReleaseError` when it grows too large."""
    content = _content(node)
    packed = zlib.compress(content, _LEVEL)
    if len(content) > _LARGEST_CONTENT or len(packed) > LARGEST_NODE:
        raise InvalidReleaseError(
            f"a node of the release index would have {len(content)} bytes, more than {_LARGEST_CONTENT}",
            remedy="Shorten the versions and summaries of its packages.",
        )
    return packed


def read_node(packed: bytes, bits: str) -> Leaf | Branch:
    """Read the node at `bits`; raises `InvalidReleaseError` for a form that `write_node` never writes."""
    content = _unpacked(packed)
    try:
        match json.loads(content):
            case {"format": int(number)} if number != FORMAT:
                raise InvalidReleaseError(
                    f"the release index has format {number}, this farm reads {FORMAT}", remedy="Upgrade the farm."
                )
            case {"packages": list(lines)}:
                node: Leaf | Branch = Leaf(bits, tuple(_listing(line) for line in lines))
            case {"children": list(lines)}:
                node = Branch(bits, tuple(_child(bits, line) for line in lines))
            case _:
                raise ValueError("it neither lists nor divides packages")
        _check_place(node)
        again = _content(node)
    except (ValueError, TypeError, RecursionError, InvalidDigestError, NotCanonicalizableError) as error:
        raise InvalidReleaseError(f"this is not a node of a release index: {error}") from error
    if again != content:
        raise InvalidReleaseError("a node of the release index is not in canonical form")
    return node


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, _LARGEST_CONTENT)
    except zlib.error as error:
        raise InvalidReleaseError(f"this is not a node of a release index: {error}") from error
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidReleaseError(
            f"a node of the release index is cut off, or has more than {_LARGEST_CONTENT} bytes, or something behind it"
        )
    return content


def _content(node: Leaf | Branch) -> bytes:
    if isinstance(node, Leaf):
        return canonical_json({"format": FORMAT, "packages": [_line(listing) for listing in node.listings]})
    depth = len(node.bits)
    children = [[child.bits[depth:], child.packages, child.node.digest, child.node.size] for child in node.children]
    return canonical_json({"children": children, "format": FORMAT})


def _line(listing: Listing) -> list[Any]:
    return [
        listing.name,
        listing.version,
        listing.revision,
        listing.summary,
        listing.archive_size,
        listing.entry.digest,
        listing.entry.size,
    ]


def _listing(line: Any) -> Listing:
    name, version, revision, summary, size, *entry = line
    return Listing(
        name=_text(name),
        version=_text(version),
        revision=_number(revision, 1),
        summary=_text(summary),
        archive_size=_number(size, 0),
        entry=_blob(*entry, largest=LARGEST_ENTRY),
    )


def _child(parent: str, line: Any) -> Child:
    bits, packages, *node = line
    return Child(parent + _text(bits), _number(packages, 1), _blob(*node, largest=LARGEST_NODE))


def _blob(digest: object, size: object, *, largest: int) -> BlobRef:
    if (number := _number(size, 1)) > largest:
        raise ValueError(f"it names a blob of {number} bytes, more than {largest}")
    return BlobRef(Digest(_text(digest)), number)


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(f"it has {value!r:.40} where a text should be")
    return value


def _number(value: object, minimum: int) -> int:
    if type(value) is not int or value < minimum:
        raise TypeError(f"it has {value!r:.40} where a number from {minimum} on should be")
    return value


def _check_place(node: Leaf | Branch) -> None:
    """Refuse packages in a wrong place, or twice, and branches that are not divided as they must be."""
    if isinstance(node, Leaf):
        names = [listing.name for listing in node.listings]
        if len(names) > LEAF_PACKAGES or not _ascending(names):
            raise InvalidReleaseError("a leaf of the release index is too long, not sorted, or names a package twice")
        for name in names:
            if not path_of(name).startswith(node.bits):
                raise InvalidReleaseError(f"the package {name} is in a wrong place in the release index")
    elif not _is_well_divided(node):
        raise InvalidReleaseError("a branch of the release index is not divided as its packages must be")


def _is_well_divided(node: Branch) -> bool:
    depth = len(node.bits)
    below: Counter[str] = Counter()
    for child in node.children:
        for length in range(depth, len(child.bits)):
            below[child.bits[:length]] += child.packages
    in_order = node.packages > LEAF_PACKAGES and _ascending([child.bits for child in node.children])
    return in_order and all(
        depth < len(child.bits) <= min(depth + BRANCH_BITS, PATH_BITS)
        and not child.bits.strip("01")
        and child.bits not in below
        and (child.is_leaf or len(child.bits) == depth + BRANCH_BITS)
        and all(below[child.bits[:length]] > LEAF_PACKAGES for length in range(depth, len(child.bits)))
        for child in node.children
    )


def _ascending(texts: Sequence[str]) -> bool:
    return all(first < second for first, second in pairwise(texts))
