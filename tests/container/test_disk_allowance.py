"""A limit for a directory of the disk, measured with real files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.container.disk_allowance import DiskAllowance, disk_usage, entry_count
from tests.build.kept.test_kept_builds import deep

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20


def fill(file: Path, size: int) -> None:
    """Write a file at a moment when nobody else frees as much."""
    for _ in range(100):
        before = os.statvfs(file.parent)
        file.write_bytes(b"x" * size)
        after = os.statvfs(file.parent)
        if (before.f_bavail - after.f_bavail) * after.f_frsize >= size:
            return
        file.unlink()
    raise AssertionError("others free the disk all the time")


def test_it_notices_what_is_added_and_not_what_others_add(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / "begun").write_bytes(b"x" * 100_000)
    allowance = DiskAllowance(place, 20 * MB)
    assert not allowance.is_exceeded()
    (tmp_path / "others").write_bytes(b"x" * 40 * MB)
    assert not allowance.is_exceeded()
    fill(place / "more", 21 * MB)
    assert allowance.is_exceeded()
    (place / "more").unlink()
    assert not allowance.is_exceeded()


def test_what_is_there_already_is_allowed_so_that_it_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "begun").write_bytes(b"x" * 40 * MB)
    allowance = DiskAllowance(tmp_path, MB)
    assert not allowance.is_exceeded()
    fill(tmp_path / "more", 17 * MB)
    assert allowance.is_exceeded()


def test_holes_and_further_links_take_nothing_and_links_are_not_followed(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    with (place / "holes").open("wb") as file:
        file.truncate(64 * MB)
    (place / "content").write_bytes(b"x" * MB)
    for number in range(8):
        os.link(place / "content", place / f"link-{number}")
    (tmp_path / "large").write_bytes(b"x" * 8 * MB)
    (place / "elsewhere").symlink_to(tmp_path / "large")
    assert MB <= disk_usage(place) < 2 * MB


def test_empty_files_count_as_entries(tmp_path: Path) -> None:
    allowance = DiskAllowance(tmp_path, 64 * MB, most_entries=100)
    for number in range(5000):
        (tmp_path / str(number)).touch()
    assert allowance.is_exceeded()
    for number in range(1000):
        (tmp_path / str(number)).unlink()
    assert not allowance.is_exceeded()


def test_directories_of_any_depth_are_measured(tmp_path: Path) -> None:
    deep(tmp_path, 2000)
    assert entry_count(tmp_path) == 2001
    assert disk_usage(tmp_path) < 64 * MB
