from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset.imports import expand
from farm.core.fileset.manifest import (
    Directory,
    File,
    Import,
    InvalidManifestError,
    Link,
    Manifest,
    OverlappingImportError,
)
from farm.core.fileset.refusal import Refusal
from farm.core.names.digest import Digest
from tests.core.fileset.trees import NAMES, TREES

_EMPTY = Digest.of(b"")
_LEAF = Manifest.of([File("bin/x", 0, _EMPTY), Link("bin/y", "x")])


def _expand(manifest: Manifest, *others: Manifest, most_entries: int = 1000) -> Manifest:
    return expand(manifest, {other.tree_digest: other for other in others}.__getitem__, most_entries=most_entries)


def test_an_imported_tree_stands_at_its_path_to_any_depth() -> None:
    middle = Manifest.of([File("own", 0, _EMPTY)], [Import("in", _LEAF.tree_digest)])
    top = Manifest.of([], [Import("m", middle.tree_digest), Import("z/l", _LEAF.tree_digest)])
    expanded = _expand(top, middle, _LEAF)
    assert [entry.path for entry in expanded.entries] == [
        "m", "m/in", "m/in/bin", "m/in/bin/x", "m/in/bin/y", "m/own",
        "z", "z/l", "z/l/bin", "z/l/bin/x", "z/l/bin/y",
    ]  # fmt: skip
    assert expanded.imports == ()


def test_a_tree_without_imports_expands_to_itself() -> None:
    assert _expand(_LEAF) == _LEAF


def test_an_empty_tree_is_imported_as_an_empty_directory() -> None:
    empty = Manifest.of([])
    assert _expand(Manifest.of([], [Import("e", empty.tree_digest)]), empty).entries == (Directory("e"),)


def test_a_tree_that_is_not_the_one_asked_for_is_refused() -> None:
    top = Manifest.of([], [Import("a", _EMPTY)])
    with pytest.raises(InvalidManifestError, match="got sha256:"):
        expand(top, lambda _: _LEAF)


def test_free_links_do_not_come_in_through_an_import() -> None:
    free = Manifest.of([Link("etc", "/etc")], absolute_links=True)
    with pytest.raises(InvalidManifestError) as caught:
        _expand(Manifest.of([], [Import("a", free.tree_digest)]), free)
    assert (caught.value.path, caught.value.reason) == ("a", Refusal.ABSOLUTE_LINK)
    allowed = Manifest.of([], [Import("a", free.tree_digest)], absolute_links=True)
    assert Link("a/etc", "/etc") in _expand(allowed, free).entries


def test_imports_that_multiply_are_stopped_by_the_limit() -> None:
    trees = [_LEAF]
    for _ in range(30):
        digest = trees[-1].tree_digest
        trees.append(Manifest.of([], [Import("a", digest), Import("b", digest)]))
    with pytest.raises(InvalidManifestError) as caught:
        _expand(trees[-1], *trees)
    assert caught.value.reason is Refusal.TOO_MANY_ENTRIES


PARENTS = st.dictionaries(NAMES, TREES.map(lambda tree: tree.manifest), min_size=1, max_size=5)


@given(PARENTS, st.data())
def test_any_order_of_parents_gives_the_same_tree(parents: dict[str, Manifest], data: st.DataObject) -> None:
    imports = [Import(f"p/{name}", tree.tree_digest) for name, tree in parents.items()]
    first = Manifest.of([], imports)
    again = Manifest.of([], data.draw(st.permutations([*imports, *imports])))
    assert again.to_json() == first.to_json()
    assert Manifest.from_json(first.to_json()) == first
    expanded = _expand(first, *parents.values())
    assert expanded.tree_digest == _expand(again, *reversed(parents.values())).tree_digest
    assert {entry.path for entry in expanded.entries} == {
        "p",
        *(f"p/{name}" for name in parents),
        *(f"p/{name}/{entry.path}" for name, tree in parents.items() for entry in tree.entries),
    }


@given(PARENTS, NAMES)
def test_what_is_imported_by_way_of_another_is_what_is_imported_at_once(parents: dict[str, Manifest], at: str) -> None:
    nested = Manifest.of([], [Import(name, tree.tree_digest) for name, tree in parents.items()])
    through = Manifest.of([], [Import(at, nested.tree_digest)])
    at_once = Manifest.of([], [Import(f"{at}/{name}", tree.tree_digest) for name, tree in parents.items()])
    every = (*parents.values(), nested)
    assert _expand(through, *every) == _expand(at_once, *every)
    # In two steps, or in one: the expanded FileSet is like any other.
    assert _expand(Manifest.of([], [Import(at, (whole := _expand(nested, *every)).tree_digest)]), whole) == _expand(
        at_once, *every
    )


def test_one_tree_by_way_of_two_parents_is_no_conflict() -> None:
    left = Manifest.of([File("left", 0, _EMPTY)], [Import("shared", _LEAF.tree_digest)])
    right = Manifest.of([File("right", 0, _EMPTY)], [Import("shared", _LEAF.tree_digest)])
    diamond = Manifest.of([], [Import("l", left.tree_digest), Import("r", right.tree_digest)])
    paths = [entry.path for entry in _expand(diamond, left, right, _LEAF).entries]
    assert {"l/shared/bin/x", "r/shared/bin/x", "l/left", "r/right"} <= set(paths)
    united = Manifest.of([], [*left.imports, *right.imports])
    assert united.imports == (Import("shared", _LEAF.tree_digest),)


@pytest.mark.parametrize(
    ("entries", "imports", "path", "parents"),
    [
        ((), (Import("a", _LEAF.tree_digest), Import("a", _EMPTY)), "a", {str(_LEAF.tree_digest), str(_EMPTY)}),
        ((), (Import("a/b", _LEAF.tree_digest), Import("a", _EMPTY)), "a/b", {str(_LEAF.tree_digest), str(_EMPTY)}),
        ((File("a/x", 0, _EMPTY),), (Import("a", _EMPTY),), "a/x", {str(_EMPTY), "its own files"}),
        ((Directory("a"),), (Import("a", _EMPTY),), "a", {str(_EMPTY), "its own files"}),
    ],
)
def test_a_conflict_names_both_parents_and_the_path(entries: Any, imports: Any, path: str, parents: set[str]) -> None:
    for order in (imports, imports[::-1]):
        with pytest.raises(OverlappingImportError) as caught:
            Manifest.of(entries, order)
        assert caught.value.path == path
        assert set(caught.value.parents) == parents
        assert all(parent in caught.value.message for parent in (*parents, repr(path)))
