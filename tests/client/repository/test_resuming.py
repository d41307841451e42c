"""An interrupted download is resumed where it ended, measured in bytes at the server."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.readers import open_reader
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.store.blobs import BlobStore
from farm.store.partial import PartialWriter, sweep_partial
from farm.trust.layout import blob_path
from tests.client.range_server import RangeServer
from tests.threats.killed import dies_at

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(1).randbytes(2_000_000)
BLOB = BlobRef(Digest.of(CONTENT), len(CONTENT))
PATH = f"/{blob_path(BLOB.digest)}"
HALF = 1_048_576


@pytest.fixture
def server(tmp_path: Path) -> RangeServer:
    place = tmp_path / "public" / blob_path(BLOB.digest)
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    return RangeServer(tmp_path / "public")


def fetch(server: RangeServer, store: BlobStore) -> None:
    Downloads(open_reader(server.address), store).ensure(BLOB, "archive of x")


def broken_off(server: RangeServer, store: BlobStore) -> None:
    server.hang_up_after = HALF
    with pytest.raises(DownloadError, match="cannot fetch the archive of x"):
        fetch(server, store)
    server.hang_up_after = None
    assert not store.has(BLOB.digest)


def test_the_second_try_asks_for_the_rest_only(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    with server.running():
        broken_off(server, store)
        first = server.sent[PATH]
        assert 0 < first < len(CONTENT)
        fetch(server, store)
    assert server.sent[PATH] == len(CONTENT)
    assert store.read(BLOB.digest) == CONTENT
    assert list((tmp_path / "store" / "partial").iterdir()) == []
    assert store.path(BLOB.digest).stat().st_mode & 0o777 == 0o444


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    server.ranges = False
    with server.running():
        broken_off(server, store)
        fetch(server, store)
    assert server.sent[PATH] == HALF + len(CONTENT)
    assert store.read(BLOB.digest) == CONTENT


def test_a_part_that_has_rotted_is_thrown_away(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    with server.running():
        broken_off(server, store)
        (part,) = (tmp_path / "store" / "partial").iterdir()
        part.write_bytes(b"x" * part.stat().st_size)
        fetch(server, store)
        assert store.read(BLOB.digest) == CONTENT

        part.write_bytes(CONTENT + b"and more")
        store.delete(BLOB.digest)
        fetch(server, store)
    assert store.read(BLOB.digest) == CONTENT


def test_a_mirror_that_lies_leaves_nothing_to_go_on_from(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    (server.folder / PATH[1:]).write_bytes(CONTENT[:-1] + b"x")
    with server.running(), pytest.raises(DownloadError, match="expected sha256:"):
        fetch(server, store)
    assert list((tmp_path / "store" / "partial").iterdir()) == []


def test_what_a_killed_process_had_fetched_is_not_fetched_again(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    with server.running():
        assert dies_at(1, lambda: fetch(server, store), str(store.root / "partial"), touches=frozenset({"os.rename"}))
        assert server.sent[PATH] == len(CONTENT)
        assert not store.has(BLOB.digest)
        fetch(server, store)
    assert server.sent[PATH] == len(CONTENT)
    assert store.read(BLOB.digest) == CONTENT


def test_two_processes_that_want_one_blob_fetch_it_once(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    with server.running(), ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: fetch(server, store), range(4)))
    assert server.sent[PATH] == len(CONTENT)


def test_parts_that_nobody_is_writing_are_swept(server: RangeServer, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    with server.running():
        broken_off(server, store)
    assert sweep_partial(store, remove=False) > 0
    with PartialWriter(store, Digest.of(b"another")) as writer:
        writer.write(b"x")
        assert sweep_partial(store) > 0
        assert sweep_partial(store) == 0
        assert len(list((store.root / "partial").iterdir())) == 1
