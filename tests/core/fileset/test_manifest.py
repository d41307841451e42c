from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset.manifest import (
    LARGEST_MANIFEST,
    Directory,
    Entry,
    File,
    Import,
    InvalidManifestError,
    Link,
    Manifest,
    OverlappingImportError,
)
from farm.core.fileset.refusal import Refusal
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from tests.core.fileset.trees import TREES, Tree

if TYPE_CHECKING:
    import random

_EMPTY = Digest.of(b"")
_OTHER = Digest.of(b"other")


@given(TREES, st.randoms(use_true_random=False))
def test_the_same_files_in_any_order_give_one_digest(tree: Tree, shuffle: random.Random) -> None:
    entries = list(tree.entries)
    shuffle.shuffle(entries)
    assert Manifest.of(entries).tree_digest == tree.manifest.tree_digest


@given(TREES)
def test_parent_directories_need_not_be_named(tree: Tree) -> None:
    full = tree.manifest
    parents = {path.rpartition("/")[0] for path in full.by_path}
    assert Manifest.of(entry for entry in full.entries if entry.path not in parents) == full


@given(TREES)
def test_entries_stand_in_the_order_of_their_paths_bytes(tree: Tree) -> None:
    paths = [entry.path.encode() for entry in tree.manifest.entries]
    assert paths == sorted(paths)


@given(TREES)
def test_a_manifest_that_was_written_is_read_back_as_it_was(tree: Tree) -> None:
    manifest = tree.manifest
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert Digest.of(manifest.to_json()) == manifest.tree_digest


def test_the_canonical_form_of_a_small_tree() -> None:
    manifest = Manifest.of(
        [Link("bin/q", "jq"), File("bin/jq", 3, _EMPTY, executable=True), File("share/x", 0, _EMPTY)],
        [Import("share/y", _OTHER)],
    )
    assert json.loads(manifest.to_json()) == {
        "format": 1,
        "entries": [
            {"path": "bin", "type": "dir", "mode": "0755"},
            {"path": "bin/jq", "type": "file", "mode": "0755", "size": 3, "sha256": _EMPTY.hex},
            {"path": "bin/q", "type": "link", "target": "jq"},
            {"path": "share", "type": "dir", "mode": "0755"},
            {"path": "share/x", "type": "file", "mode": "0644", "size": 0, "sha256": _EMPTY.hex},
        ],
        "imports": [{"path": "share/y", "tree": str(_OTHER)}],
    }
    # Recorded once: a change of this digest changes every store path.
    assert manifest.tree_digest == "sha256:a4688aca97a61279e61f125b614e1e319fe43df906f909861e54428f885711e9"
    assert manifest.store_path("jq", "1.7.1") == f"jq-1.7.1-{manifest.tree_digest.store_key}"


def test_free_links_are_part_of_the_digest() -> None:
    entries = [Link("sh", "bash")]
    free = Manifest.of(entries, absolute_links=True)
    assert json.loads(free.to_json())["links"] == "any"
    assert free.tree_digest != Manifest.of(entries).tree_digest
    assert Manifest.from_json(free.to_json()) == free


@pytest.mark.parametrize(
    ("entries", "path", "reason"),
    [
        ([File("../x", 0, _EMPTY)], "../x", Refusal.DOT_DOT),
        ([Directory("/usr")], "/usr", Refusal.ABSOLUTE_PATH),
        ([Link("bin/sh", "/bin/bash")], "bin/sh", Refusal.ABSOLUTE_LINK),
        ([Link("bin/sh", "../../bash")], "bin/sh", Refusal.ESCAPING_LINK),
        ([File("a", 0, _EMPTY), File("a", 0, _OTHER)], "a", Refusal.DUPLICATE_NAME),
        ([File("a", 0, _EMPTY), File("a", 0, _EMPTY)], "a", Refusal.DUPLICATE_NAME),
        ([File("a", 0, _EMPTY), Directory("a")], "a", Refusal.FILE_AND_DIRECTORY),
        ([File("a", 0, _EMPTY), File("a/b", 0, _EMPTY)], "a/b", Refusal.FILE_AS_PARENT),
        ([Link("a", "b"), File("a/c/d", 0, _EMPTY)], "a/c", Refusal.LINK_AS_PARENT),
        ([File("a", -1, _EMPTY)], "a", Refusal.FILE_TOO_LARGE),
        ([File("a", 8**11, _EMPTY)], "a", Refusal.FILE_TOO_LARGE),
    ],
)
def test_a_broken_rule_is_named_with_the_path(entries: list[Entry], path: str, reason: Refusal) -> None:
    with pytest.raises(InvalidManifestError) as caught:
        Manifest.of(entries)
    assert (caught.value.path, caught.value.reason) == (path, reason)
    assert repr(path) in caught.value.message


def test_a_directory_may_be_named_twice() -> None:
    assert Manifest.of([Directory("lib"), Directory("lib")]).entries == (Directory("lib"),)


@pytest.mark.parametrize(
    ("entries", "imports", "path"),
    [
        ([], [Import("a", _EMPTY), Import("a", _OTHER)], "a"),
        ([], [Import("a", _EMPTY), Import("a/b", _OTHER)], "a/b"),
        ([File("a", 0, _EMPTY)], [Import("a", _OTHER)], "a"),
        ([File("a/b/c", 0, _EMPTY)], [Import("a", _OTHER)], "a/b/c"),
        ([Directory("a/b")], [Import("a/b", _OTHER)], "a/b"),
    ],
)
def test_imports_that_overlap_are_refused_with_both_parents(
    entries: list[Entry], imports: list[Import], path: str
) -> None:
    with pytest.raises(OverlappingImportError) as caught:
        Manifest.of(entries, imports)
    assert caught.value.path == path
    assert all(parent in caught.value.message for parent in caught.value.parents)
    assert str(_OTHER) in caught.value.parents


def test_an_import_below_a_file_is_refused() -> None:
    with pytest.raises(InvalidManifestError, match="parent is a file"):
        Manifest.of([File("a", 0, _EMPTY)], [Import("a/b", _OTHER)])


_DOCUMENT: dict[str, Any] = json.loads(
    Manifest.of([File("a", 1, _EMPTY), Link("b", "a"), Directory("c")], [Import("d", _OTHER)]).to_json()
)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"links": "none"},
        {"extra": 1},
        {"entries": None},
        {"entries": list(reversed(_DOCUMENT["entries"]))},
        {"entries": [{**_DOCUMENT["entries"][0], "owner": "root"}]},
        {"entries": [{**_DOCUMENT["entries"][0], "mode": "4755"}]},
        {"entries": [{**_DOCUMENT["entries"][0], "size": "1"}]},
        {"entries": [{**_DOCUMENT["entries"][0], "size": True}]},
        {"entries": [{**_DOCUMENT["entries"][0], "sha256": 5}]},
        {"entries": [{**_DOCUMENT["entries"][0], "path": 5}]},
        {"entries": [{**_DOCUMENT["entries"][0], "path": "x/y"}]},
        {"entries": [{"path": "a", "type": "device"}]},
        {"entries": [{"path": "a", "type": "link", "target": None}]},
        {"entries": [{"path": "a", "type": []}]},
        {"entries": ["a"]},
        {"imports": [{"path": "d", "tree": "sha256:short"}]},
        {"imports": [{"path": None, "tree": str(_OTHER)}]},
    ],
    ids=str,
)
def test_a_document_that_is_not_exactly_a_manifest_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidManifestError):
        Manifest.from_json(canonical_json({**_DOCUMENT, **change}))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format":1}', b"1" * 5000])
def test_what_is_no_document_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidManifestError):
        Manifest.from_json(data)


def test_another_spelling_of_the_same_document_is_refused() -> None:
    with pytest.raises(InvalidManifestError, match="canonical"):
        Manifest.from_json(json.dumps(_DOCUMENT).encode())
    with pytest.raises(InvalidManifestError, match="canonical"):
        Manifest.from_json(canonical_json(_DOCUMENT) + b"\n")


def test_a_document_that_would_take_much_memory_is_refused_before_it_does() -> None:
    """Even if it is signed: a document that is short on the wire may be large in memory."""
    deep = "/".join("a" for _ in range(2000))
    line = '{"path":"%d/' + deep + '","type":"dir","mode":"0755"}'
    bombs = {
        "parent": [line % number for number in range(500)],
        "4000000 values": ["[]"] * 2_000_001,
        "200000 entries": ["1"] * 200_001,
    }
    for says, lines in bombs.items():
        data = f'{{"entries":[{",".join(lines)}],"format":1,"imports":[]}}'.encode()
        tracemalloc.start()
        try:
            with pytest.raises(InvalidManifestError, match=says):
                Manifest.from_json(data)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 20 << 20, says


def test_a_document_longer_than_any_manifest_is_refused_unread() -> None:
    with pytest.raises(InvalidManifestError, match=f"the most is {LARGEST_MANIFEST}"):
        Manifest.from_json(b" " * (LARGEST_MANIFEST + 1))
