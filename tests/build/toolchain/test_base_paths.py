"""The kept paths of a toolchain's root: those of its manifest, read without it, and never those of another tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from farm.build.toolchain.base_paths import base_paths
from farm.core.fileset.forest import BaseTree
from farm.core.fileset.manifest import File, Link, Manifest
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = Manifest.of([File("usr/bin/make", 1, Digest.of(b"x")), Link("usr/bin/gmake", "make")])
OTHER = Manifest.of([File("usr/bin/cc", 1, Digest.of(b"x"))])


def unread() -> Manifest:
    raise AssertionError("the manifest was read")


def test_the_paths_are_those_of_the_manifest_which_is_read_once(tmp_path: Path) -> None:
    for manifest in (lambda: MANIFEST, unread):
        found = base_paths(tmp_path, MANIFEST.tree_digest, manifest)
        assert found == BaseTree.of(MANIFEST)
        assert found.paths == {"usr/bin/make", "usr/bin/gmake"}
        assert found.directories == {"usr", "usr/bin"}


def test_paths_of_another_tree_are_not_taken(tmp_path: Path) -> None:
    base_paths(tmp_path, OTHER.tree_digest, lambda: OTHER)
    assert base_paths(tmp_path, MANIFEST.tree_digest, lambda: MANIFEST) == BaseTree.of(MANIFEST)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", json.dumps({"format": 0}).encode()])
def test_what_a_power_cut_or_another_version_left_is_replaced(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "paths.json").write_bytes(content)
    assert base_paths(tmp_path, MANIFEST.tree_digest, lambda: MANIFEST) == BaseTree.of(MANIFEST)
    assert base_paths(tmp_path, MANIFEST.tree_digest, unread) == BaseTree.of(MANIFEST)


def test_no_other_user_can_write_the_kept_paths(tmp_path: Path) -> None:
    base_paths(tmp_path, MANIFEST.tree_digest, lambda: MANIFEST)
    assert (tmp_path / "paths.json").stat().st_mode & 0o022 == 0
