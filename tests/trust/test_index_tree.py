"""The tree of a release's index: one form for one set, and work proportional to the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.trust.index.node import LEAF_PACKAGES, Branch, read_node
from farm.trust.index.release_index import InvalidReleaseError, ReleaseEntry
from farm.trust.index.tree import IndexTree, difference, entries, listings
from tests.trust.index_entries import CountingStore, entry

names = st.integers(0, 400).map(lambda number: f"p{number}")
if TYPE_CHECKING:
    from random import Random

sets = st.dictionaries(names, st.sampled_from(["1", "2"]), max_size=120)


def entries_of(versions: dict[str, str]) -> list[ReleaseEntry]:
    return [entry(name, version) for name, version in versions.items()]


def many(count: int) -> list[ReleaseEntry]:
    return [entry(f"package{number}") for number in range(count)]


@given(sets, st.lists(st.tuples(sets, st.sets(names, max_size=120)), max_size=4))
def test_whatever_edits_lead_to_a_set_its_root_is_that_of_the_set(
    first: dict[str, str], edits: list[tuple[dict[str, str], set[str]]]
) -> None:
    store = CountingStore()
    change = store.extend(None, entries_of(first))
    versions = dict(first)
    for put, remove in edits:
        change = store.extend(change.root, entries_of(put), remove)
        versions = {name: version for name, version in versions.items() if name not in remove} | put
    direct = CountingStore().extend(None, entries_of(versions))
    assert (change.root, change.packages) == (direct.root, len(versions))
    assert {release_entry.name: release_entry for release_entry in entries(store.read, change.root)} == {
        release_entry.name: release_entry for release_entry in entries_of(versions)
    }


@given(st.randoms(use_true_random=False), st.lists(st.integers(-90, 90), min_size=1, max_size=8))
def test_a_channel_that_grows_and_shrinks_has_the_index_of_what_it_holds(random: Random, steps: list[int]) -> None:
    """By numbers at which leaves overflow at every depth: Hypothesis' own dictionaries are too small for that."""
    store = CountingStore()
    held: list[ReleaseEntry] = []
    change = store.extend(None, [])
    spare = many(400)
    random.shuffle(spare)
    for step in steps:
        come = [spare.pop() for _ in range(min(max(step, 0), len(spare)))]
        go = [held.pop(random.randrange(len(held))) for _ in range(min(max(-step, 0), len(held)))]
        held += come
        change = store.extend(change.root, come, [release_entry.name for release_entry in go])
        assert change.root == CountingStore().extend(None, held).root
    assert sorted(listing.name for listing in listings(store.read, change.root)) == sorted(
        release_entry.name for release_entry in held
    )


@pytest.mark.parametrize(("first", "more"), [(45, 20), (60, 6), (100, 20), (200, 2), (300, 90)])
def test_a_leaf_that_runs_over_is_divided_where_a_new_index_divides_it(first: int, more: int) -> None:
    for start in range(0, 2_000, 100):
        everything = [entry(f"package{number}") for number in range(start, start + first + more)]
        store = CountingStore()
        before = store.extend(None, everything[:first]).root
        assert store.extend(before, everything[first:]).root == CountingStore().extend(None, everything).root


@given(sets, sets)
def test_the_difference_is_what_must_be_done_to_come_from_one_set_to_the_other(
    old: dict[str, str], new: dict[str, str]
) -> None:
    store = CountingStore()
    before = store.extend(None, entries_of(old)).root
    after = store.extend(None, entries_of(new)).root
    found = difference(store.read, before, after)
    assert [(release_entry.name, release_entry.version) for release_entry in found.put] == sorted(
        new.items() - old.items()
    )
    assert found.removed == tuple(sorted(old.keys() - new.keys()))
    assert store.extend(before, found.put, found.removed).root == after
    assert [release_entry.name for release_entry in difference(store.read, None, after).put] == sorted(new)


@given(sets, names)
def test_a_name_is_found_when_it_is_there(versions: dict[str, str], name: str) -> None:
    store = CountingStore()
    tree = IndexTree(store.read, store.extend(None, entries_of(versions)).root)
    wanted = entry(name, versions[name]) if name in versions else None
    assert tree.entry(name) == wanted
    assert tree.packages() == len(versions)


def test_putting_what_is_there_already_makes_nothing() -> None:
    store = CountingStore()
    first = store.extend(None, many(100))
    again = store.extend(first.root, many(100)[:50], ["not-there"])
    assert (again.root, again.blobs) == (first.root, ())


def test_a_name_that_is_put_twice_is_refused() -> None:
    with pytest.raises(InvalidReleaseError, match="jq is put into the release index twice"):
        CountingStore().extend(None, [entry("jq"), entry("jq", "2.0")])


def depth(store: CountingStore, count: int) -> int:
    """Return how many nodes the longest path of an index of so many packages has."""
    waiting, deepest = [(1, "", store.extend(None, many(count)).root)], 0
    while waiting:
        level, bits, blob = waiting.pop()
        node = read_node(store.read(blob), bits)
        deepest = max(deepest, level)
        if isinstance(node, Branch):
            waiting += [(level + 1, child.bits, child.node) for child in node.children]
    return deepest


def test_one_change_reads_and_writes_the_nodes_of_one_path_and_ten_times_the_packages_add_one() -> None:
    depths = {}
    for count in (1_000, 10_000):
        store = CountingStore()
        depths[count] = depth(store, count)
        root = store.extend(None, many(count)).root
        store.reads.clear()
        change = store.extend(root, [entry("package500", "2.0")])
        assert len(change.blobs) <= depths[count] + 1  # the nodes, and the entry
        assert store.reads.total() <= depths[count] + 1
        store.reads.clear()
        assert [release_entry.version for release_entry in difference(store.read, root, change.root).put] == ["2.0"]
        assert store.reads.total() <= 2 * depths[count] + 1
        store.reads.clear()
        assert IndexTree(store.read, change.root).entry("package700")
        assert store.reads.total() <= depths[count] + 1
    assert depths[1_000] < depths[10_000] <= depths[1_000] + 1


def test_a_thousand_releases_share_their_nodes() -> None:
    store = CountingStore()
    root = store.extend(None, many(2_000)).root
    deepest, before = depth(store, 2_000), len(store.blobs)
    sizes = []
    for number in range(1_000):
        change = store.extend(root, [entry(f"package{number * 7 % 2_000}", "2.0")])
        root = change.root
        sizes.append(sum(map(len, change.blobs)))
    assert len(store.blobs) - before <= 1_000 * (deepest + 1)
    assert max(sizes) < 6_000
    assert sum(1 for _ in listings(store.read, root)) == 2_000


def test_a_set_that_shrinks_to_a_leaf_is_one_again() -> None:
    store = CountingStore()
    grown = store.extend(None, many(LEAF_PACKAGES + 1))
    assert isinstance(read_node(store.read(grown.root), ""), Branch)
    shrunk = store.extend(grown.root, remove=["package7"])
    assert not isinstance(read_node(store.read(shrunk.root), ""), Branch)


def test_nodes_that_are_going_to_be_read_are_told_beforehand() -> None:
    store = CountingStore()
    root = store.extend(None, many(500)).root
    prefetched = {root.digest}

    def prefetch(blobs: object) -> None:
        assert isinstance(blobs, list)
        prefetched.update(blob.digest for blob in blobs)

    store.reads.clear()
    assert sum(1 for _ in listings(store.read, root, prefetch)) == 500
    assert store.reads.keys() == prefetched
