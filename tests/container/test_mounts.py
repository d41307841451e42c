from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from farm.container.mounts import MountError, mount_overlay, mount_tmpfs, mounts_below, unmount, unmount_below

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.docker


def test_a_tmpfs_holds_no_more_bytes_than_it_was_given(tmp_path: Path) -> None:
    mount_tmpfs(tmp_path, size=1 << 20, inodes=100, owner=1000)
    try:
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "big").write_bytes(bytes(2 << 20))
    finally:
        unmount(tmp_path)


def test_a_tmpfs_holds_no_more_files_than_it_was_given(tmp_path: Path) -> None:
    mount_tmpfs(tmp_path, size=1 << 20, inodes=10, owner=1000)
    try:
        for number in range(9):
            (tmp_path / str(number)).touch()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "9").touch()
    finally:
        unmount(tmp_path)


def test_a_tmpfs_belongs_to_its_owner_and_allows_neither_setuid_nor_devices(tmp_path: Path) -> None:
    mount_tmpfs(tmp_path, size=1 << 20, inodes=10, owner=1000)
    try:
        assert (tmp_path.stat().st_uid, tmp_path.stat().st_mode & 0o7777) == (1000, 0o755)
        flags = os.statvfs(tmp_path).f_flag
        assert flags & os.ST_NOSUID
        assert flags & os.ST_NODEV
    finally:
        unmount(tmp_path)


def test_the_first_layer_of_an_overlay_lies_on_top_and_none_can_be_written(tmp_path: Path) -> None:
    # Both characters have a meaning for overlayfs and must not have one here.
    upper, lower, target = tmp_path / "up,per", tmp_path / "lo:wer", tmp_path / "target"
    for directory in (upper, lower, target):
        directory.mkdir()
    (upper / "both").write_text("upper")
    (lower / "both").write_text("lower")
    (lower / "below").write_text("lower")
    mount_overlay(target, (upper, lower))
    try:
        assert (target / "both").read_text() == "upper"
        assert (target / "below").read_text() == "lower"
        with pytest.raises(OSError, match="Read-only"):
            (target / "new").touch()
    finally:
        unmount(target)


def test_all_mounts_below_a_directory_go_the_innermost_first(tmp_path: Path) -> None:
    outer = tmp_path / "with blank"
    outer.mkdir()
    mount_tmpfs(outer, size=1 << 20, inodes=10, owner=0)
    inner = outer / "inner"
    inner.mkdir()
    mount_tmpfs(inner, size=1 << 20, inodes=10, owner=0)
    assert mounts_below(tmp_path) == (inner, outer)
    unmount_below(tmp_path)
    assert mounts_below(tmp_path) == ()


def test_a_volume_in_use_is_detached(tmp_path: Path) -> None:
    mount_tmpfs(tmp_path, size=1 << 20, inodes=10, owner=0)
    with (tmp_path / "open").open("w"):
        unmount(tmp_path)
    assert mounts_below(tmp_path) == ()


def test_an_impossible_mount_names_its_place_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(MountError, match=f"{tmp_path}/missing: No such file"):
        mount_tmpfs(tmp_path / "missing", size=1 << 20, inodes=10, owner=0)
