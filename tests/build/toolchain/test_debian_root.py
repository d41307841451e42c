from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from farm.build.toolchain.debian_root import normalise_root

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a toolchain's root is made by root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root as maintainer scripts leave it: odd modes, owners, times, nodes and links."""
    root = tmp_path / "root"
    for directory in ("usr/bin", "usr/lib", "etc/apt/sources.list.d", "dev", "var/log", "var/lib/dpkg/info", "tmp"):
        (root / directory).mkdir(parents=True)
    (root / "usr/bin/su").write_text("su")
    (root / "usr/bin/su").chmod(0o4755)
    (root / "usr/lib/data").write_text("data")
    (root / "usr/lib/data").chmod(0o640)
    os.link(root / "usr/lib/data", root / "usr/lib/twin")
    (root / "bin").symlink_to("usr/bin")
    (root / "usr/bin/vi").symlink_to("/etc/alternatives/vi")
    (root / "etc/apt/sources.list.d/x.sources").write_text("URIs: http://mirror")
    (root / "etc/hostname").write_text("builder-7")
    (root / "etc/shadow-").write_text("old")
    (root / "var/log/dpkg.log").write_text("installed today")
    (root / "var/lib/dpkg/status").write_text("")
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(root / "usr/lib/fifo")
    (root / "tmp").chmod(0o1777)
    os.chown(root / "usr/lib/data", 1000, 42)
    os.lchown(root / "bin", 1000, 42)
    return root


def test_modes_are_reduced_to_two_and_set_id_bits_are_gone(root: Path) -> None:
    normalise_root(root)
    assert stat.S_IMODE((root / "usr/bin/su").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "usr/lib/data").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o755
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_everything_has_one_owner_and_one_time(root: Path) -> None:
    normalise_root(root)
    everything = [root, *root.rglob("*")]
    assert {(path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mtime) for path in everything} == {
        (0, 0, 315532800.0)
    }


def test_hard_links_become_files_of_their_own(root: Path) -> None:
    normalise_root(root)
    assert (root / "usr/lib/twin").read_text() == "data"
    assert {(root / "usr/lib" / name).stat().st_nlink for name in ("data", "twin")} == {1}
    assert sorted(path.name for path in (root / "usr/lib").iterdir()) == ["data", "twin"]


def test_links_stay_as_they_are_and_are_never_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (outside / "file").write_text("the host's")
    (outside / "file").chmod(0o600)
    (root / "usr/escape").symlink_to(outside)
    (root / "var/cache").symlink_to(outside)
    (root / "tmp/escape").symlink_to(outside)
    normalise_root(root, removes=["usr/escape"])
    assert (root / "bin").readlink().as_posix() == "usr/bin"
    assert (root / "usr/bin/vi").readlink().as_posix() == "/etc/alternatives/vi"
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o600
    assert not (root / "usr/escape").is_symlink()


def test_the_host_s_and_the_mirror_s_names_are_gone(root: Path) -> None:
    normalise_root(root)
    for gone in ("etc/apt", "etc/hostname", "etc/shadow-", "var/log/dpkg.log", "var/lib/dpkg", "dev/null"):
        assert not (root / gone).exists(), gone
    assert (root / "dev").is_dir()


def test_nodes_and_sockets_are_gone_wherever_they_are(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(root / "usr/lib/socket"))
    normalise_root(root)
    assert not (root / "usr/lib/fifo").exists()
    assert not (root / "usr/lib/socket").exists()


def test_extended_attributes_are_gone(root: Path) -> None:
    capability = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw+ep
    os.setxattr(root / "usr/bin/su", "security.capability", capability)
    normalise_root(root)
    assert os.listxattr(root / "usr/bin/su") == []


def test_what_the_definition_removes_is_removed(root: Path) -> None:
    normalise_root(root, removes=["usr/lib/t*"])
    assert not (root / "usr/lib/twin").exists()
    assert (root / "usr/lib/data").exists()


def test_two_stars_match_directories_at_any_depth(root: Path) -> None:
    normalise_root(root, removes=["usr/**/data", "**/su"])
    assert not (root / "usr/lib/data").exists()
    assert not (root / "usr/bin/su").exists()
    assert (root / "usr/lib/twin").exists()


def test_normalising_twice_changes_nothing(root: Path) -> None:
    normalise_root(root)
    before = {path: path.lstat() for path in root.rglob("*")}
    normalise_root(root)
    assert {path: path.lstat().st_mode for path in root.rglob("*")} == {p: s.st_mode for p, s in before.items()}
