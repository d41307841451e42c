"""A scan sees everything, follows nothing, and names everything that cannot be captured."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from farm.core.fileset.manifest import Directory, File, Link
from farm.store.errors import UnfitTreeError
from farm.store.scan import NOT_READ, ScanLimits, scan_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


def problems(root: Path, limits: ScanLimits | None = None) -> list[tuple[str, str]]:
    with pytest.raises(UnfitTreeError) as caught:
        scan_tree(root, limits=limits)
    return [(problem.path, problem.reason) for problem in caught.value.problems]


def test_files_directories_and_links_are_found_in_order(root: Path) -> None:
    (root / "bin").mkdir()
    (root / "bin/jq").write_bytes(b"ELF")
    (root / "bin/jq").chmod(0o750)
    (root / "bin/j").symlink_to("jq")
    (root / "share").mkdir()
    (root / "share/notes").write_bytes(b"")
    assert scan_tree(root).entries == (
        Directory("bin"),
        Link("bin/j", "jq"),
        File("bin/jq", 3, NOT_READ, executable=True),
        Directory("share"),
        File("share/notes", 0, NOT_READ),
    )


def test_an_open_directory_can_be_scanned_as_well(root: Path) -> None:
    (root / "a").write_bytes(b"a")
    descriptor = os.open(root, os.O_RDONLY)
    try:
        assert scan_tree(descriptor) == scan_tree(root)
    finally:
        os.close(descriptor)


def test_hard_links_become_separate_files(root: Path) -> None:
    (root / "a").write_bytes(b"one")
    (root / "b").hardlink_to(root / "a")
    assert scan_tree(root).entries == (File("a", 3, NOT_READ), File("b", 3, NOT_READ))


def test_what_no_package_can_hold_is_refused_by_name(root: Path) -> None:
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", 0o600 | 0o020000, os.makedev(1, 3))
    os.mknod(root / "disk", 0o600 | 0o060000, os.makedev(7, 0))
    with socket.socket(socket.AF_UNIX) as server:
        descriptor = os.open(root, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{descriptor}/socket")
        os.close(descriptor)
    (root / "sudo").write_bytes(b"")
    (root / "sudo").chmod(0o4755)
    (root / "wall").write_bytes(b"")
    (root / "wall").chmod(0o2755)
    (root / "shadow").symlink_to("/etc/shadow")
    (root / "up").symlink_to("../up")
    (root / "bell\a").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(root) + b"/latin\xe9")).write_bytes(b"")
    assert problems(root) == [
        ("bell\a", "control-character"),
        ("disk", "device"),
        ("fifo", "fifo"),
        ("latin\udce9", "not-utf-8"),
        ("null", "device"),
        ("shadow", "absolute-link"),
        ("socket", "socket"),
        ("sudo", "setuid"),
        ("up", "escaping-link"),
        ("wall", "setuid"),
    ]


def test_the_message_can_be_printed_whatever_the_names_are(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\x1b[31m\xe9")).write_bytes(b"")
    with pytest.raises(UnfitTreeError) as caught:
        scan_tree(root)
    assert "\x1b" not in caught.value.message
    caught.value.message.encode("utf-8")


def test_a_link_to_a_directory_is_not_walked(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"secret")
    (root / "way").symlink_to(tmp_path / "outside")
    assert scan_tree(root, absolute_links=True).entries == (Link("way", str(tmp_path / "outside")),)


def test_a_root_that_is_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(NotADirectoryError):
        scan_tree(tmp_path / "link")


def test_too_many_entries_end_the_scan(root: Path) -> None:
    for number in range(20):
        (root / str(number)).write_bytes(b"")
    [(_, reason)] = problems(root, ScanLimits(entries=19))
    assert reason == "too-many-entries"
    assert len(scan_tree(root, limits=ScanLimits(entries=20)).entries) == 20


def test_sizes_are_limited_even_where_no_block_is_used(root: Path) -> None:
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert problems(root) == [("sparse", "file-too-large")]
    (root / "sparse").write_bytes(b"x" * 600)
    (root / "twin").hardlink_to(root / "sparse")
    [(_, reason)] = problems(root, ScanLimits(total_bytes=1000))
    assert reason == "total-too-large"


def test_depth_is_limited(root: Path) -> None:
    deep = root
    for _ in range(5):
        deep = deep / "d"
        deep.mkdir()
    assert problems(root, ScanLimits(depth=4)) == [("d/d/d/d/d", "too-deep")]
    assert len(scan_tree(root, limits=ScanLimits(depth=5)).entries) == 5
