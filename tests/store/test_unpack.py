"""The package cache holds what was requested or nothing, however it is filled and whatever happens to it."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO

import pytest
import zstandard

from farm.core.fileset.archive_reader import InvalidArchiveError
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.store.capture import Captured, capture_tree
from farm.store.decompress import archive_chunks
from farm.store.errors import CorruptBlobError, UndecodableArchiveError
from farm.store.scan import scan_tree
from farm.store.unpack import PackageCache
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest


class Packed:
    """A package in a store, and ways to request it from a cache."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "tree"
        for path, content in {
            "bin/jq": b"ELF",
            "lib/a/one": b"1",
            "lib/a-b": b"2",
            "share/big": bytes(3 << 20),
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content)
        (self.root / "bin/jq").chmod(0o755)
        (self.root / "bin/j").symlink_to("jq")
        self.blobs = BlobStore(directory / "blobs")
        self.captured: Captured = capture_tree(self.root, scan_tree(self.root), self.blobs, prefix=self.prefix)
        self.store = self.captured.manifest.store_path("jq", "1.7")

    @staticmethod
    def prefix(manifest: Manifest) -> str:
        return "packages/" + manifest.store_path("jq", "1.7")

    def open(self) -> BinaryIO:
        return self.blobs.open(self.captured.archive.digest)

    def into(self, cache: PackageCache, opener: Callable[[], BinaryIO] | None = None) -> Path:
        return cache.ensure(self.store, self.captured.tree, opener or self.open)


@pytest.fixture
def packed(tmp_path: Path) -> Packed:
    return Packed(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> PackageCache:
    return PackageCache(tmp_path / "cache")


def never() -> BinaryIO:
    raise AssertionError("the archive was opened again")


def left_in(cache: PackageCache) -> list[str]:
    return [path.name for path in cache.root.glob("*") if not path.name.startswith(".")] + [
        path.name for path in cache.root.glob(".work/*")
    ]


def test_what_was_captured_comes_out(packed: Packed, cache: PackageCache) -> None:
    path = packed.into(cache)
    assert path == cache.path(packed.store)
    again = capture_tree(path, scan_tree(path), packed.blobs, prefix=packed.prefix)
    assert again == packed.captured


def test_everything_is_read_only_and_of_one_time(packed: Packed, cache: PackageCache) -> None:
    path = packed.into(cache)
    for item in [path, *path.rglob("*")]:
        status = item.lstat()
        assert status.st_mtime == 315532800, item
        if stat.S_ISREG(status.st_mode):
            assert stat.S_IMODE(status.st_mode) == (0o555 if item.name == "jq" else 0o444)
        elif stat.S_ISDIR(status.st_mode):
            assert stat.S_IMODE(status.st_mode) == 0o755


@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_modes_do_not_depend_on_the_umask(packed: Packed, cache: PackageCache, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = packed.into(cache)
    finally:
        os.umask(before)
    assert stat.S_IMODE((path / "bin").stat().st_mode) == 0o755
    assert stat.S_IMODE((path / "bin/jq").stat().st_mode) == 0o555
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_package_is_unpacked_once(packed: Packed, cache: PackageCache) -> None:
    packed.into(cache)
    packed.into(cache, never)
    packed.into(PackageCache(cache.root), never)


def test_of_many_callers_one_unpacks(packed: Packed, cache: PackageCache) -> None:
    opened: list[int] = []
    failures: list[BaseException] = []

    def opener() -> BinaryIO:
        opened.append(1)
        return packed.open()

    def ask() -> None:
        try:
            packed.into(cache, opener)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), failures) == (1, [])


def test_another_tree_under_the_same_name_is_refused(packed: Packed, cache: PackageCache) -> None:
    with refuses("unpack-mismatch"):
        cache.ensure(packed.store, Digest.of(b"other"), packed.open)
    assert left_in(cache) == []


def test_an_archive_of_another_store_path_is_refused(packed: Packed, cache: PackageCache) -> None:
    with pytest.raises(InvalidArchiveError):
        cache.ensure("jq-1.8-" + "a" * 32, packed.captured.tree, packed.open)
    assert left_in(cache) == []


def test_a_rotten_blob_leaves_nothing(packed: Packed, cache: PackageCache) -> None:
    blob = packed.blobs.path(packed.captured.archive.digest)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    with pytest.raises((CorruptBlobError, UndecodableArchiveError, InvalidArchiveError)):
        packed.into(cache)
    assert left_in(cache) == []


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_a_truncated_stream_leaves_nothing(packed: Packed, cache: PackageCache, cut: int) -> None:
    content = packed.blobs.read(packed.captured.archive.digest)
    with pytest.raises((InvalidArchiveError, UndecodableArchiveError)):
        packed.into(cache, lambda: io.BytesIO(content[:cut]))
    assert left_in(cache) == []


def test_a_second_frame_is_seen(packed: Packed, cache: PackageCache) -> None:
    content = packed.blobs.read(packed.captured.archive.digest) + zstandard.compress(b"more")
    with pytest.raises(InvalidArchiveError) as caught:
        packed.into(cache, lambda: io.BytesIO(content))
    assert caught.value.reason == "trailing-data"


def test_garbage_after_the_frame_is_refused(packed: Packed, cache: PackageCache) -> None:
    content = packed.blobs.read(packed.captured.archive.digest) + b"garbage!"
    with pytest.raises(UndecodableArchiveError):
        packed.into(cache, lambda: io.BytesIO(content))


def test_a_window_bomb_is_refused_before_its_memory_is_taken() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    bomb = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stream = bomb.compress(os.urandom(1 << 20)) + bomb.flush()
    with pytest.raises(UndecodableArchiveError, match="memory"):
        list(archive_chunks(io.BytesIO(stream)))


def test_endless_zeros_come_in_small_pieces_and_end_at_the_limit(packed: Packed, tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", limits=ArchiveLimits(file_bytes=1 << 20))
    with pytest.raises(InvalidArchiveError) as caught:
        packed.into(cache)
    assert caught.value.reason == "file-too-large"
    assert left_in(cache) == []
    zeros = zstandard.ZstdCompressor().compressobj()
    stream = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(64)) + zeros.flush()
    assert len(next(archive_chunks(io.BytesIO(stream)))) <= 128 << 10


def test_a_process_killed_while_unpacking_leaves_nothing_that_is_taken_for_a_package(
    packed: Packed, cache: PackageCache
) -> None:
    program = (
        "import os, signal, sys, pathlib\n"
        "from farm.store.blobs import BlobStore\n"
        "from farm.store.unpack import PackageCache; from farm.store import tree_writer\n"
        "from farm.core.names.digest import Digest\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "tree_writer.TreeWriter.close = die\n"
        "blobs = BlobStore(pathlib.Path(sys.argv[1])); cache = PackageCache(pathlib.Path(sys.argv[2]))\n"
        "cache.ensure(sys.argv[3], Digest(sys.argv[4]), lambda: blobs.open(Digest(sys.argv[5])))\n"
    )
    blob = packed.captured.archive.digest
    arguments = [packed.blobs.root, cache.root, packed.store, packed.captured.tree, blob]
    subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert left_in(cache) == [packed.store]
    assert not cache.path(packed.store).exists()
    assert cache.scrub() == ()
    assert left_in(cache) == []
    assert (packed.into(cache) / "bin/jq").read_bytes() == b"ELF"


@pytest.mark.parametrize("damage", ["content", "mode", "extra", "missing", "link", "record"])
def test_the_scrub_finds_damage_and_the_package_comes_back(packed: Packed, cache: PackageCache, damage: str) -> None:
    path = packed.into(cache)
    assert cache.scrub() == ()
    victim = path / "lib/a/one"
    if damage == "content":
        victim.write_bytes(b"2")
    elif damage == "mode":
        victim.chmod(0o555)
    elif damage == "extra":
        (path / "lib/extra").write_bytes(b"")
    elif damage == "missing":
        victim.unlink()
    elif damage == "link":
        victim.unlink()
        victim.symlink_to("../a-b")
    else:
        (cache.root / ".tree" / packed.store).unlink()
    assert cache.scrub() == (packed.store,)
    assert left_in(cache) == []
    assert packed.into(cache).joinpath("lib/a/one").read_bytes() == b"1"
    assert cache.scrub() == ()


@pytest.mark.parametrize("store", ["", ".", "..", "../x", "a/b", ".tree", "a\0b", "-x"])
def test_only_store_paths_name_a_place_in_the_cache(cache: PackageCache, store: str) -> None:
    with pytest.raises(ValueError, match="store path"):
        cache.path(store)


def test_a_toolchain_with_absolute_links_lies_at_the_root_of_its_archive(tmp_path: Path, cache: PackageCache) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "sh").symlink_to("/usr/bin/dash")
    blobs = BlobStore(tmp_path / "blobs")
    captured = capture_tree(root, scan_tree(root, absolute_links=True), blobs, prefix="")
    path = cache.ensure(
        "full-1", captured.tree, lambda: blobs.open(captured.archive.digest), prefix="", absolute_links=True
    )
    assert (path / "sh").readlink().as_posix() == "/usr/bin/dash"
    assert cache.scrub() == ()
