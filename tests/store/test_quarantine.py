"""Downloads in quarantine: under their own digests, within bounds, and blobs only when asked for by these."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.store.quarantine import Quarantine

if TYPE_CHECKING:
    from pathlib import Path


def add(quarantine: Quarantine, content: bytes) -> Digest:
    with quarantine.writer() as writer:
        writer.write(content)
        return writer.commit()


def age(store: BlobStore, digest: Digest, seconds: float) -> None:
    path = BlobStore(store.root / "quarantine").path(digest)
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_is_kept_is_no_blob_before_it_is_asked_for_by_its_digest(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    quarantine = Quarantine(store)
    digest = add(quarantine, b"other bytes")
    assert list(store.iter()) == []
    assert not quarantine.release(Digest.of(b"expected"))
    assert quarantine.release(digest)
    assert store.read(digest) == b"other bytes"
    assert not quarantine.release(digest)


def test_bytes_that_changed_in_quarantine_are_never_released(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    quarantine = Quarantine(store)
    digest = add(quarantine, b"other bytes")
    path = BlobStore(tmp_path / "quarantine").path(digest)
    path.chmod(0o644)
    path.write_bytes(b"swapped byt")
    assert not quarantine.release(digest)
    assert list(store.iter()) == []
    assert not path.exists()


def test_the_oldest_goes_when_there_is_too_much_or_it_is_too_old(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    quarantine = Quarantine(store, most_bytes=10, most_seconds=1000)
    old, middle, new = (add(quarantine, content) for content in (b"1111", b"22222", b"33333"))
    age(store, old, 30)
    age(store, middle, 20)
    age(store, new, 10)
    quarantine.trim()
    assert [quarantine.release(digest) for digest in (old, middle, new)] == [False, True, True]
    late = add(quarantine, b"4")
    age(store, late, 2000)
    quarantine.trim()
    assert not quarantine.release(late)


def test_clearing_counts_and_removes(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    quarantine = Quarantine(store)
    digest = add(quarantine, b"12345")
    assert quarantine.clear(remove=False) == 5
    assert quarantine.clear() == 5
    assert not quarantine.release(digest)
