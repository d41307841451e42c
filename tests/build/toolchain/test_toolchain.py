"""Real toolchains, from the machine's own signed apt sources: slow, and each made as seldom as the test allows."""

from __future__ import annotations

import contextlib
import stat
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.build.toolchain.apt import Apt, AptError
from farm.build.toolchain.lock import DebDroppedError, fetch_debs, lock_in_force, relock, resolve_lock
from farm.build.toolchain.toolchain import (
    Toolchain,
    check_root,
    ensure_toolchain,
    ensure_toolchain_within_suite,
    restore_toolchain,
)
from farm.core.names.digest import Digest
from farm.core.recipe.toolchain import LockedDeb, ToolchainDefinition, ToolchainLock
from farm.store.blobs import BlobStore
from farm.store.errors import MissingBlobError
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.toolchain

# The smallest set that covers everything: essential packages, a compiler driver, set-id programs, alternatives.
DEFINITION = ToolchainDefinition("tiny", "trixie", ("make", "file", "mawk"), ("/usr/share/doc/*", "/usr/share/man/*"))
GONE = LockedDeb("zz-gone", "1.0-1", "amd64", Digest.of(b"gone"), 4, "pool/main/z/zz/zz-gone_1.0-1_amd64.deb")


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    return Apt.of_machine(tmp_path_factory.mktemp("apt"), "trixie")


@pytest.fixture(scope="module")
def lock(apt: Apt) -> ToolchainLock:
    return resolve_lock(DEFINITION, apt)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    return BlobStore(tmp_path_factory.mktemp("blobs"))


@pytest.fixture(scope="module")
def made(lock: ToolchainLock, store: BlobStore, apt: Apt, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    cache = tmp_path_factory.mktemp("private") / "toolchains"
    cache.parent.chmod(0o700)  # like a farm's state: no other user of the machine can read it
    return ensure_toolchain(DEFINITION, lock, store, cache, apt=lambda: apt)


def no_apt() -> Apt:
    raise AssertionError("apt was asked")


def test_a_toolchain_is_whole_and_works(made: Toolchain) -> None:
    run = subprocess.run(["chroot", made.root, "make", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("GNU Make 4")
    assert "usr/bin/make" in made.base.paths
    assert "usr/share/misc" in made.base.directories
    assert made.manifest.tree_digest == made.tree


def test_the_root_is_what_the_manifest_says(made: Toolchain) -> None:
    check_root(made.root, made.tree)
    everything = [path.lstat() for path in made.root.rglob("*")]
    assert {status.st_uid for status in everything} == {0}
    files = {stat.S_IMODE(status.st_mode) for status in everything if stat.S_ISREG(status.st_mode)}
    assert files == {0o644, 0o755}


def test_nothing_of_the_mirror_the_host_or_the_day_is_in_it(made: Toolchain) -> None:
    paths = made.manifest.by_path
    assert not {"etc/apt", "etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/lib/dpkg", "dev/null"} & set(paths)
    assert not [path for path in paths if path.startswith(("var/log/", "var/cache/", "usr/share/doc/"))]


def test_made_again_elsewhere_it_is_the_same_tree(made: Toolchain, lock: ToolchainLock, tmp_path: Path) -> None:
    again = ensure_toolchain(DEFINITION, lock, made.store, tmp_path / "other" / "place", apt=no_apt)
    assert again.tree == made.tree
    assert again.archive == made.archive
    assert again.root != made.root


def test_the_next_start_makes_nothing(made: Toolchain, lock: ToolchainLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    cache = made.root.parent.parent
    assert ensure_toolchain(DEFINITION, lock, made.store, cache, apt=no_apt) == made


def test_what_is_done_to_make_one_is_reported_and_nothing_when_it_is_there(
    made: Toolchain, lock: ToolchainLock, tmp_path: Path
) -> None:
    said: list[str] = []

    @contextlib.contextmanager
    def making(name: str) -> Iterator[Callable[[str], None]]:
        said.append(f"making {name}")
        yield said.append
        said.append("made")

    for _ in range(2):
        ensure_toolchain(DEFINITION, lock, made.store, tmp_path / "cache", apt=no_apt, making=making)
    packages = f"{len(lock.debs)} Debian packages"
    doing = [f"fetching {packages}", f"installing {packages}", "packing what they installed"]
    assert said == [f"making {DEFINITION.name}", *doing, "made"]


def test_every_package_is_kept_as_a_blob(made: Toolchain, lock: ToolchainLock) -> None:
    assert made.debs == {deb.name: deb.digest for deb in lock.debs}
    for digest in made.debs.values():
        made.store.verify(digest)


def test_a_host_with_blobs_alone_restores_the_same_root(made: Toolchain, tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    blobs.put_bytes(made.store.read(made.archive.digest))
    restored = restore_toolchain("tiny", made.tree, made.archive, blobs, tmp_path / "toolchains")
    check_root(restored.root, restored.tree)
    assert restored.manifest == made.manifest
    for path in made.root.rglob("*"):
        other = (restored.root / path.relative_to(made.root)).lstat()
        mine = path.lstat()
        assert (other.st_mode, other.st_mtime, other.st_uid) == (mine.st_mode, mine.st_mtime, mine.st_uid), path
    assert restore_toolchain("tiny", made.tree, made.archive, blobs, tmp_path / "toolchains") == restored


def test_what_a_killed_making_left_is_removed_by_the_next(made: Toolchain, tmp_path: Path) -> None:
    left = tmp_path / f"making-{made.root.parent.name}-killed" / "home" / "root"
    left.mkdir(parents=True)
    others = tmp_path / "making-full-of-another-process"
    others.mkdir()
    restore_toolchain("tiny", made.tree, made.archive, made.store, tmp_path)
    assert not left.exists()
    assert others.exists()


def test_a_toolchain_whose_archive_is_missing_is_not_restored(made: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(MissingBlobError):
        restore_toolchain("tiny", made.tree, made.archive, BlobStore(tmp_path / "blobs"), tmp_path / "toolchains")
    assert not [path for path in (tmp_path / "toolchains").iterdir() if path.is_dir()]


def test_a_root_that_was_written_to_is_found(made: Toolchain, tmp_path: Path) -> None:
    restored = restore_toolchain("tiny", made.tree, made.archive, made.store, tmp_path)
    make = restored.root / "usr/bin/make"
    make.write_bytes(make.read_bytes() + b"\0")
    with refuses("toolchain-mismatch"):
        check_root(restored.root, restored.tree)


def test_a_package_that_the_mirror_dropped_is_named_with_the_remedy(
    lock: ToolchainLock, store: BlobStore, apt: Apt, tmp_path: Path
) -> None:
    aged = ToolchainLock("tiny", (*lock.debs, GONE))
    with pytest.raises(DebDroppedError, match=r"dropped: zz-gone 1\.0-1$") as caught:
        fetch_debs(aged, store, lambda: apt, work=tmp_path)
    assert "farm toolchain lock tiny" in caught.value.remedy


def test_a_locked_digest_that_the_mirror_does_not_serve_is_no_dropped_version(
    lock: ToolchainLock, apt: Apt, tmp_path: Path
) -> None:
    make = replace(next(deb for deb in lock.debs if deb.name == "make"), digest=Digest.of(b"another make"))
    with pytest.raises(AptError, match="Hash Sum mismatch"):
        fetch_debs(ToolchainLock("tiny", (make,)), BlobStore(tmp_path / "blobs"), lambda: apt, work=tmp_path)


def test_a_kept_package_needs_no_mirror(lock: ToolchainLock, store: BlobStore, made: Toolchain, tmp_path: Path) -> None:
    fetch_debs(lock, store, no_apt, work=tmp_path)


def test_an_aged_lock_is_replaced_in_the_farm_s_state_alone(made: Toolchain, lock: ToolchainLock) -> None:
    cache = made.root.parent.parent  # which holds the toolchain of the new lock
    aged = ToolchainLock("tiny", (*lock.debs, GONE))
    said: list[str] = []
    toolchain = ensure_toolchain_within_suite(DEFINITION, aged, made.store, cache, say=said.append)
    assert toolchain == made
    assert lock_in_force(aged, cache) == lock
    assert len(said) == 1
    assert "zz-gone 1.0-1" in said[0]
    assert "within trixie" in said[0]
    ensure_toolchain_within_suite(DEFINITION, aged, made.store, cache, say=said.append)
    assert len(said) == 1


def test_a_replacement_is_for_the_very_lock_that_it_replaced(lock: ToolchainLock, apt: Apt, tmp_path: Path) -> None:
    aged = ToolchainLock("tiny", (*lock.debs, GONE))
    assert lock_in_force(aged, tmp_path) == aged
    relock(DEFINITION, aged, apt, tmp_path)
    assert lock_in_force(aged, tmp_path) == lock
    newer = ToolchainLock("tiny", lock.debs[1:])
    assert lock_in_force(newer, tmp_path) == newer


def test_a_failed_making_leaves_nothing(store: BlobStore, lock: ToolchainLock, apt: Apt, tmp_path: Path) -> None:
    incomplete = ToolchainLock("tiny", tuple(deb for deb in lock.debs if deb.name != "libc6"))
    with refuses("debian-root-failed"):
        ensure_toolchain(DEFINITION, incomplete, store, tmp_path, apt=lambda: apt)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
