"""After a power cut: what an earlier boot had unpacked and not flushed is unpacked anew, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.flush_record import FlushRecord
from tests.client.installing import install
from tests.client.whole import whole

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution


@pytest.fixture
def follower(host: Host, distribution: SmallDistribution) -> Host:
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    return host


def stores(host: Host) -> list[str]:
    return sorted(path.name.split("-")[0] for path in host.cache.root.glob("[a-z]*"))


def test_what_was_unpacked_after_the_last_flush_of_a_former_boot_goes(follower: Host, tmp_path: Path) -> None:
    install(follower, tmp_path / "root", "alone", "greet")
    for name, at in (("alone", 900.0), ("greet", 1100.0), ("say", 1300.0)):
        (record,) = (follower.cache.root / ".tree").glob(f"{name}-*")
        os.utime(record, (at, at))
    for mark in (follower.cache.root / ".flushed").iterdir():
        os.utime(mark, (1000.0, 1000.0))
    FlushRecord(follower.cache, "another-boot", booted=1200.0).begin()
    assert stores(follower) == ["alone", "say"]  # one was flushed, one was unpacked since
    assert [mark.name for mark in (follower.cache.root / ".flushed").iterdir()] == ["another-boot"]


def test_a_file_that_a_power_cut_emptied_comes_into_no_root(follower: Host, tmp_path: Path) -> None:
    install(follower, tmp_path / "one", "alone")
    (record,) = (follower.cache.root / ".tree").glob("alone-*")
    (file,) = follower.cache.root.glob("alone-*/share/alone/file")
    content = file.read_bytes()
    file.unlink()
    file.touch()
    os.utime(record, (1100.0, 1100.0))
    folder = follower.cache.root / ".flushed"
    (mark,) = folder.iterdir()
    os.utime(mark.rename(folder / "former-boot"), (1000.0, 1000.0))
    install(follower, tmp_path / "two", "alone")
    whole(follower, tmp_path / "two")
    assert (tmp_path / "two/usr/share/alone/file").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == [mark.name]


def test_within_a_boot_nothing_is_unpacked_twice(follower: Host, tmp_path: Path) -> None:
    install(follower, tmp_path / "one", "alone")
    (before,) = follower.cache.root.glob("alone-*")
    inode = before.stat().st_ino
    install(follower, tmp_path / "two", "greet", "alone")
    assert before.stat().st_ino == inode
