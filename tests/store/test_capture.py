"""Capture gives one digest for one tree, archives that the strict reader accepts, and detects concurrent changes."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from farm.core.fileset.archive_reader import read_archive
from farm.core.fileset.manifest import File, Manifest
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from farm.store import capture
from farm.store import tree_reader as reading
from farm.store.blobs import BlobStore
from farm.store.capture import Captured, capture_tree
from farm.store.decompress import archive_chunks
from farm.store.errors import TreeChangedError
from farm.store.scan import scan_tree
from tests.core.fileset.trees import NoSink

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for path, content in {
        "bin/jq": b"ELF",
        "lib/a/one": b"1",
        "lib/a-b/two": b"22",
        "lib/a.c": b"",
        "share/big": os.urandom(3_000_001),
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    (tree / "bin/jq").chmod(0o755)
    (tree / "bin/j").symlink_to("jq")
    return tree


def store_prefix(manifest: Manifest) -> str:
    return "packages/" + manifest.store_path("jq", "1.7")


def uncompressed(store: BlobStore, captured: Captured) -> bytes:
    with store.open(captured.archive.digest) as blob:
        return b"".join(archive_chunks(blob))


def test_the_strict_reader_finds_the_same_tree_in_the_archive(root: Path, store: BlobStore) -> None:
    captured = capture_tree(root, scan_tree(root), store, prefix=store_prefix)
    archive = uncompressed(store, captured)
    limits = ArchiveLimits()
    assert read_archive([archive], prefix=store_prefix(captured.manifest), limits=limits, sink=NoSink()) == (
        store_prefix(captured.manifest),
        captured.manifest,
    )
    assert captured.diff_id == Digest.of(archive)
    assert captured.archive.size == store.size(captured.archive.digest)


def test_other_programs_can_read_the_blob(root: Path, store: BlobStore) -> None:
    captured = capture_tree(root, scan_tree(root), store, prefix="packages/x")
    archive = zstandard.ZstdDecompressor().decompressobj().decompress(store.read(captured.archive.digest))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {member.name: member for member in tar}
        assert members["packages"].isdir()
        assert members["packages/x/bin/jq"].mode == 0o755
        assert members["packages/x/bin/j"].linkname == "jq"
        big = tar.extractfile("packages/x/share/big")
        assert big is not None
        assert big.read() == (root / "share/big").read_bytes()


def test_every_file_has_the_digest_of_its_content(root: Path, store: BlobStore) -> None:
    captured = capture_tree(root, scan_tree(root), store, prefix="")
    for file in captured.manifest.files():
        content = (root / file.path).read_bytes()
        assert (file.size, file.digest.hex) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_manifest_is_a_blob_under_the_tree_digest(root: Path, store: BlobStore) -> None:
    captured = capture_tree(root, scan_tree(root), store, prefix=store_prefix)
    assert Manifest.from_json(store.read(captured.tree)) == captured.manifest


def test_reading_once_and_reading_twice_give_the_same(
    root: Path, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = capture_tree(root, scan_tree(root), store, prefix=store_prefix)
    monkeypatch.setattr(capture, "_KEPT_BYTES", 0)
    unkept = capture_tree(root, scan_tree(root), store, prefix=store_prefix)
    once = capture_tree(root, scan_tree(root), store, prefix=store_prefix(twice.manifest))
    assert twice.manifest == unkept.manifest == once.manifest
    assert twice.diff_id == unkept.diff_id == once.diff_id


def test_a_small_file_takes_one_open_and_one_read(
    root: Path, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = scan_tree(root)
    calls: list[str] = []
    true_open, true_read = os.open, os.read

    def counted_open(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        calls.append(f"open {path}")
        return true_open(path, flags, mode, dir_fd=dir_fd)

    def counted_read(descriptor: int, size: int) -> bytes:
        calls.append("read")
        return true_read(descriptor, size)

    monkeypatch.setattr(reading.os, "open", counted_open)
    monkeypatch.setattr(reading.os, "read", counted_read)
    with reading.TreeReader(root) as reader:
        calls.clear()
        for file in tree.files():
            if file.size <= reading.PIECE:
                reader.read(file.path, file.size)
    assert calls == [
        *("open bin", "open jq", "read"),
        *("open lib", "open a-b", "open two", "read"),
        *("open a.c", "read"),
        *("open a", "open one", "read"),
    ]


def test_entries_may_lie_elsewhere_than_their_sources(root: Path, store: BlobStore) -> None:
    moved = Manifest.of(
        File("tools/" + file.path.rpartition("/")[2], file.size, file.digest, file.executable)
        for file in scan_tree(root).files()
    )
    sources = {"tools/" + file.path.rpartition("/")[2]: file.path for file in scan_tree(root).files()}
    captured = capture_tree(root, moved, store, prefix=store_prefix, sources=sources)
    one = captured.manifest.by_path["tools/one"]
    assert isinstance(one, File)
    assert one.digest == Digest.of(b"1")


CHANGES = [
    (path, change)
    for path in ("lib/a/one", "share/big")
    for change in ("grow", "shrink", "vanish", "link", "fifo", "directory")
]


@pytest.mark.parametrize("prefix", ["packages/x", store_prefix])
@pytest.mark.parametrize("case", CHANGES, ids=" ".join)
def test_a_file_exchanged_after_the_scan_is_noticed(
    root: Path, store: BlobStore, tmp_path: Path, prefix: str, case: tuple[str, str]
) -> None:
    path, change = case
    tree = scan_tree(root)
    victim = root / path
    size = victim.stat().st_size
    if change in {"grow", "shrink"}:
        os.truncate(victim, size + 1 if change == "grow" else size - 1)
    else:
        victim.unlink()
    if change == "link":
        (tmp_path / "secret").write_bytes(b"s" * size)
        victim.symlink_to(tmp_path / "secret")
    elif change == "fifo":
        os.mkfifo(victim)
    elif change == "directory":
        victim.mkdir()
    with pytest.raises(TreeChangedError) as caught:
        capture_tree(root, tree, store, prefix=prefix)
    assert caught.value.path == path
    assert list(store.iter()) == []


def test_a_directory_exchanged_for_a_link_is_not_followed(root: Path, store: BlobStore, tmp_path: Path) -> None:
    tree = scan_tree(root)
    (root / "lib/a").rename(tmp_path / "outside")
    (root / "lib/a").symlink_to(tmp_path / "outside")
    with pytest.raises(TreeChangedError):
        capture_tree(root, tree, store, prefix="packages/x")


def test_content_that_changes_between_two_readings_is_noticed(
    root: Path, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "_KEPT_BYTES", 0)

    def change_then_name(manifest: Manifest) -> str:
        (root / "lib/a/one").write_bytes(b"2")
        return store_prefix(manifest)

    with pytest.raises(TreeChangedError, match="lib/a/one"):
        capture_tree(root, scan_tree(root), store, prefix=change_then_name)
    assert list(store.iter()) == []


def test_digests_that_are_known_are_checked(root: Path, store: BlobStore) -> None:
    known = capture_tree(root, scan_tree(root), store, prefix="").manifest
    (root / "lib/a/one").write_bytes(b"2")
    with pytest.raises(TreeChangedError, match="lib/a/one"):
        capture_tree(root, known, store, prefix="")


def test_the_number_of_threads_changes_no_digest(root: Path, store: BlobStore) -> None:
    one = capture_tree(root, scan_tree(root), store, prefix="x", threads=1)
    four = capture_tree(root, scan_tree(root), store, prefix="x", threads=4)
    assert (one.tree, one.diff_id) == (four.tree, four.diff_id)
