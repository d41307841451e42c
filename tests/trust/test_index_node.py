"""Nodes of a release's index that another publisher could write and every reader refuses."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.index.edit import extend
from farm.trust.index.node import (
    LEAF_PACKAGES,
    Branch,
    Child,
    Leaf,
    Listing,
    listing_of,
    path_of,
    read_node,
    write_node,
)
from farm.trust.index.release_index import LARGEST_ENTRY, LARGEST_NODE, InvalidReleaseError
from farm.trust.index.tree import IndexTree, entries, listings
from tests.trust.index_entries import CountingStore, entry

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = sorted(f"package{number}" for number in range(200))
BLOB = BlobRef(Digest.of(b"blob"), 4)


def line(name: str) -> Listing:
    return listing_of(entry(name), BLOB)


def packed(form: object) -> bytes:
    return zlib.compress(canonical_json(form), 9)


def form_of(node: Leaf | Branch) -> Any:
    return json.loads(zlib.decompress(write_node(node)))


LEAF = Leaf("", tuple(map(line, NAMES[:3])))
LARGE = 16 * LEAF_PACKAGES
BRANCH = Branch("", tuple(Child(f"{bits:04b}", LARGE, BLOB) for bits in range(16)))


def test_a_node_reads_back() -> None:
    assert read_node(write_node(LEAF), "") == LEAF
    assert read_node(write_node(BRANCH), "") == BRANCH
    assert read_node(write_node(Leaf("", ())), "") == Leaf("", ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        write_node(LEAF)[:-1],
        write_node(LEAF) + b"x",
        zlib.compress(b"{}"),
        zlib.compress(b"nonsense"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b"\xff"),
        zlib.compress(zlib.decompress(write_node(LEAF)) + b" "),
        packed({**form_of(LEAF), "more": 1}),
        packed({**form_of(LEAF), "children": []}),
        packed({"format": 2, "packages": [["jq"]]}),
        packed({"format": 2, "packages": [7]}),
        packed({"format": 2, "children": [["0", 40]]}),
        zlib.compress(json.dumps({"format": 2, "packages": [["\ud800", "1", 1, "", 1, Digest.of(b""), 1]]}).encode()),
        zlib.compress(json.dumps({"format": 2, "packages": [["a", "1", 1, "\ud800", 1, Digest.of(b""), 1]]}).encode()),
        zlib.compress(json.dumps({"format": 2, "packages": [["a", "1", 2**70, "", 1, Digest.of(b""), 1]]}).encode()),
    ],
)
def test_what_is_no_node_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidReleaseError):
        read_node(content, "")


def test_a_node_of_another_format_says_so() -> None:
    with pytest.raises(InvalidReleaseError, match="format 3") as caught:
        read_node(packed({**form_of(LEAF), "format": 3}), "")
    assert caught.value.remedy == "Upgrade the farm."


def test_a_node_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    bomb = zlib.compress(b" " * (50 << 20), 9)
    assert len(bomb) < LARGEST_NODE
    with pytest.raises(InvalidReleaseError, match="more than"):
        read_node(bomb, "")


def test_a_node_that_would_be_too_large_is_not_written() -> None:
    with pytest.raises(InvalidReleaseError, match="would have") as caught:
        write_node(Leaf("", (replace(line("jq"), summary="x" * (2 << 20)),)))
    assert "Shorten" in caught.value.remedy


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 7), (1, None), (2, 0), (2, True), (3, []), (4, -1), (4, 1.0), (5, "sha256:0"), (6, 0), (6, LARGEST_ENTRY + 1)],
)
def test_a_line_with_a_value_that_cannot_be_is_refused(place: int, value: object) -> None:
    form = form_of(LEAF)
    form["packages"][0][place] = value
    with pytest.raises(InvalidReleaseError):
        read_node(zlib.compress(json.dumps(form, sort_keys=True, separators=(",", ":")).encode()), "")


def test_a_leaf_that_is_not_sorted_or_names_one_twice_or_too_many_is_refused() -> None:
    first, second, *_ = LEAF.listings
    for wrong in ((second, first), (first, replace(first, version="2")), tuple(map(line, NAMES[: LEAF_PACKAGES + 1]))):
        with pytest.raises(InvalidReleaseError, match="too long, not sorted, or names a package twice"):
            read_node(write_node(Leaf("", wrong)), "")


def test_a_package_under_a_path_that_is_not_its_own_is_refused() -> None:
    name = NAMES[0]
    own = path_of(name)[:4]
    other = f"{int(own, 2) ^ 1:04b}"
    assert read_node(write_node(Leaf(own, (line(name),))), own)
    with pytest.raises(InvalidReleaseError, match=f"{name} is in a wrong place"):
        read_node(write_node(Leaf(other, (line(name),))), other)


def children(*parts: tuple[str, int]) -> Branch:
    return Branch("", tuple(Child(bits, packages, BLOB) for bits, packages in parts))


def test_a_branch_that_is_divided_as_it_must_be_is_read() -> None:
    for right in (
        children(("0", 20), ("1", 20)),
        children(("0", 33 - 1), ("10", 20), ("11", 13)),
        children(("0000", 33)),
    ):
        assert read_node(write_node(right), "") == right


@pytest.mark.parametrize(
    "wrong",
    [
        children(),
        children(("0", 10), ("1", 10)),  # one leaf would be enough
        children(("0", 20), ("10", 10), ("11", 10)),  # one leaf would be enough for its second half
        children(("0", 33), ("1", 20)),  # too many for a leaf, and not divided
        children(("1", 20), ("0", 20)),
        children(("0", 20), ("0", 20)),
        children(("0", 20), ("01", 20)),
        children(("0", 20), ("00", 20), ("1", 20)),
        children(("0", 20), ("2", 20)),
        children(("00000", 33), ("00001", 33)),
        children(("", 33)),
    ],
)
def test_a_branch_that_is_divided_otherwise_is_refused(wrong: Branch) -> None:
    with pytest.raises(InvalidReleaseError, match="not divided as its packages must be"):
        read_node(write_node(wrong), "")


def test_no_branch_is_deeper_than_a_path_is_long() -> None:
    for bits, right in (("0" * 252, True), ("0" * 253, False), ("0" * 256, False)):
        branch = Branch(bits, (Child(f"{bits}0000", 33, BLOB),))
        if right:
            assert read_node(write_node(branch), bits) == branch
        else:
            with pytest.raises(InvalidReleaseError, match="not divided"):
                read_node(write_node(branch), bits)


def test_a_child_of_a_size_or_a_number_that_cannot_be_is_refused() -> None:
    for wrong in (
        children(("0", 0), ("1", 40)),
        Branch("", (Child("0000", 33, BlobRef(BLOB.digest, LARGEST_NODE + 1)),)),
    ):
        with pytest.raises(InvalidReleaseError, match="not a node"):
            read_node(write_node(wrong), "")


class TestNodesTogether:
    """Each node is valid on its own, and the tree is not."""

    @pytest.fixture
    def store(self) -> CountingStore:
        return CountingStore()

    def forged(self, store: CountingStore, change: Callable[[Branch], Branch]) -> BlobRef:
        root = read_node(store.read(store.index(*NAMES)), "")
        assert isinstance(root, Branch)
        content = write_node(change(root))
        store.blobs[Digest.of(content)] = content
        return BlobRef(Digest.of(content), len(content))

    def test_a_subtree_in_anothers_place_is_refused(self, store: CountingStore) -> None:
        def swap(root: Branch) -> Branch:
            first, second, *rest = root.children
            swapped = (replace(first, node=second.node), replace(second, node=first.node))
            return Branch("", (*swapped, *rest))

        forged = self.forged(store, swap)
        with pytest.raises(InvalidReleaseError, match=r"in a wrong place|the one above it says"):
            list(listings(store.read, forged))

    def test_a_number_of_packages_that_is_not_true_is_refused(self, store: CountingStore) -> None:
        def boast(root: Branch) -> Branch:
            first, *rest = root.children
            return Branch("", (replace(first, packages=first.packages - 1), *rest))

        forged = self.forged(store, boast)
        with pytest.raises(InvalidReleaseError, match="the one above it says"):
            list(listings(store.read, forged))
        with pytest.raises(InvalidReleaseError, match="the one above it says"):
            list(map(IndexTree(store.read, forged).listing, NAMES))
        with pytest.raises(InvalidReleaseError, match="the one above it says"):
            extend(store.read, forged, [entry(name, "2.0") for name in NAMES])

    def test_an_entry_of_another_package_is_refused(self, store: CountingStore) -> None:
        other = entry("other").to_json()
        store.blobs[Digest.of(other)] = other
        forged = write_node(Leaf("", (listing_of(entry("jq"), BlobRef(Digest.of(other), len(other))),)))
        store.blobs[Digest.of(forged)] = forged
        root = BlobRef(Digest.of(forged), len(forged))
        with pytest.raises(InvalidReleaseError, match="the entry of jq is not the one"):
            IndexTree(store.read, root).entry("jq")
        with pytest.raises(InvalidReleaseError, match="the entry of jq is not the one"):
            list(entries(store.read, root))
