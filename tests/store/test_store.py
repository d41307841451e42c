"""The store keeps what it was given, complete, once, and never returns anything else."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.store.errors import BlobMismatchError, CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = Digest.of(b"absent")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def files_under(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def rot(store: BlobStore, digest: Digest, content: bytes) -> None:
    path = store.path(digest)
    path.chmod(0o644)
    path.write_bytes(content)


def test_bytes_come_back_under_their_digest(store: BlobStore) -> None:
    digest = store.put_bytes(b"hello")
    assert digest == Digest.of(b"hello")
    assert store.read(digest) == b"hello"
    assert store.open(digest).read() == b"hello"
    assert store.has(digest)
    assert store.size(digest) == 5


def test_a_blob_lies_where_the_layout_says(store: BlobStore) -> None:
    digest = store.put_bytes(b"hello")
    assert files_under(store.root) == [store.root / "sha256" / digest.hex[:2] / digest.hex[2:]]
    assert not store.path(digest).stat().st_mode & 0o222


def test_the_same_bytes_are_written_once(store: BlobStore) -> None:
    first = store.path(store.put_bytes(b"hello")).stat().st_ino
    assert store.path(store.put_bytes(b"hello")).stat().st_ino == first
    assert len(files_under(store.root)) == 1


def test_a_stream_is_stored_under_the_digest_of_all_its_parts(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"hel")
        writer.write(memoryview(b"lo"))
        assert writer.size == 5
        assert writer.commit() == Digest.of(b"hello")
    assert store.read(Digest.of(b"hello")) == b"hello"


def test_a_writer_that_is_left_without_commit_leaves_nothing(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"half")
    assert files_under(store.root) == []


def test_content_that_was_announced_differently_is_refused(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"other")
        with pytest.raises(BlobMismatchError) as caught:
            writer.commit(Digest.of(b"hello"))
    assert caught.value.actual == Digest.of(b"other")
    assert files_under(store.root) == []


@pytest.mark.parametrize("rotten", [b"hellO", b"hell", b"hello!", b""])
def test_a_rotten_blob_is_never_served(store: BlobStore, rotten: bytes) -> None:
    digest = store.put_bytes(b"hello")
    rot(store, digest, rotten)
    with pytest.raises(CorruptBlobError):
        store.read(digest)
    with pytest.raises(CorruptBlobError):
        store.open(digest).read()
    with pytest.raises(CorruptBlobError):
        store.verify(digest)


def test_a_reader_who_stops_at_the_announced_size_is_protected_too(store: BlobStore) -> None:
    content = os.urandom(3 << 20)
    digest = store.put_bytes(content)
    rot(store, digest, content[:-1] + bytes([content[-1] ^ 1]))
    stream = store.open(digest)
    stream.read(1 << 20)
    stream.read(1 << 20)
    with pytest.raises(CorruptBlobError):
        stream.read(1 << 20)


def test_writing_a_blob_again_mends_it(store: BlobStore) -> None:
    digest = store.put_bytes(b"hello")
    rot(store, digest, b"hellO")
    store.put_bytes(b"hello")
    assert store.read(digest) == b"hello"
    rot(store, digest, b"hellO")
    with store.writer() as writer:
        writer.write(b"hello")
        writer.commit(digest)
    assert store.read(digest) == b"hello"


@pytest.mark.parametrize("inside", [(), ("a", "b/c")], ids=["empty", "full"])
def test_writing_a_blob_mends_one_whose_place_a_directory_has_taken(store: BlobStore, inside: tuple[str, ...]) -> None:
    digest = store.put_bytes(b"x")
    place = store.path(digest)
    place.unlink()
    place.mkdir()
    for name in inside:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"y")
    assert not store.has(digest)
    store.put_bytes(b"x")
    assert store.read(digest) == b"x"


def test_a_link_in_a_blobs_place_is_replaced_and_not_followed(store: BlobStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_bytes(b"y")
    digest = store.put_bytes(b"x")
    store.path(digest).unlink()
    store.path(digest).symlink_to(elsewhere)
    store.put_bytes(b"x")
    assert store.read(digest) == b"x"
    assert (elsewhere / "kept").read_bytes() == b"y"


def test_a_missing_blob_is_named(store: BlobStore) -> None:
    for attempt in (store.read, store.open, store.size, store.verify):
        with pytest.raises(MissingBlobError) as caught:
            attempt(ABSENT)
        assert str(ABSENT) in caught.value.message
    assert not store.has(ABSENT)
    store.delete(ABSENT)


def test_all_blobs_are_listed_in_order_and_foreign_files_are_not(store: BlobStore) -> None:
    assert list(store.iter()) == []
    digests = [store.put_bytes(str(number).encode()) for number in range(50)]
    (store.root / "sha256" / "README").write_text("not a blob")
    (store.path(digests[0]).parent / "notes").write_text("not a blob")
    assert list(store.iter()) == sorted(digests)
    store.delete(digests[7])
    assert list(store.iter()) == sorted(set(digests) - {digests[7]})


def test_many_writers_of_one_blob_do_not_disturb_each_other(store: BlobStore) -> None:
    content = os.urandom(1 << 20)
    failures: list[BaseException] = []

    def write_and_read() -> None:
        try:
            for _ in range(5):
                with store.writer() as writer:
                    writer.write(content)
                    writer.commit()
                assert store.read(Digest.of(content)) == content
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=write_and_read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(files_under(store.root)) == 1


def test_a_writer_killed_half_way_leaves_no_blob_and_the_sweep_takes_the_rest(store: BlobStore) -> None:
    program = (
        "import os, sys, pathlib, signal; from farm.store.blobs import BlobStore\n"
        "writer = BlobStore(pathlib.Path(sys.argv[1])).writer(); writer.write(b'x' * 5_000_000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, store.root], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(store.iter()) == []
    assert len(files_under(store.root)) == 1
    assert store.sweep() == 1
    assert files_under(store.root) == []


def test_the_sweep_spares_a_living_writer(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"hello")
        assert store.sweep() == 0
        assert writer.commit() == Digest.of(b"hello")


def test_a_file_that_is_not_locked_yet_is_made_again_when_swept(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    swept: list[int] = []

    def sweep_first(file: int, operation: int) -> None:
        if not swept:
            swept.append(0)
            monkeypatch.setattr(fcntl, "flock", lock)
            swept[0] = store.sweep()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with store.writer() as writer:
        writer.write(b"hello")
        assert store.read(writer.commit()) == b"hello"
    assert swept == [1]


@settings(max_examples=30)
@given(parts=st.lists(st.binary(max_size=300)))
def test_parts_and_whole_are_the_same_blob(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    with store.writer() as writer:
        for part in parts:
            writer.write(part)
        streamed = writer.commit()
    assert streamed == store.put_bytes(b"".join(parts))
    assert store.open(streamed).read() == b"".join(parts)


def test_what_is_shared_is_a_link_but_not_of_another_users_file(store: BlobStore, tmp_path: Path) -> None:
    public = BlobStore(tmp_path / "public")
    own, theirs = store.put_bytes(b"own"), store.put_bytes(b"theirs")
    if os.geteuid() != 0:
        pytest.skip("gives a file to another user")
    os.chown(store.path(theirs), 65533, 65533)
    for digest in (own, theirs):
        public.share(store, digest)
        public.verify(digest)
    assert public.path(own).samefile(store.path(own))
    assert not public.path(theirs).samefile(store.path(theirs))
    assert public.path(theirs).stat().st_uid == os.geteuid()
    assert files_under(public.root / "tmp") == []
