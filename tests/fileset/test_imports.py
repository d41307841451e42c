from __future__ import annotations

import pytest

from farm.fileset import Directory, File, Import, InvalidManifestError, Link, Manifest, Refusal, expand
from farm.names import Digest

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
