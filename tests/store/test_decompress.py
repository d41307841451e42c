"""The content of an archive, by digest: the same whether it is streamed in any pieces or read from a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressionParameters, ZstdCompressor

from farm.core.names.digest import Digest
from farm.store import decompress
from farm.store.blobs import BlobStore
from farm.store.decompress import PassingArchive, unpacked_digest
from farm.store.errors import UndecodableArchiveError

if TYPE_CHECKING:
    from pathlib import Path


def passing(archive: bytes, piece: int = 1 << 16) -> Digest | None:
    seen = PassingArchive()
    for at in range(0, len(archive), piece):
        seen.write(archive[at : at + piece])
    return seen.digest


@given(st.lists(st.binary(min_size=1, max_size=500), min_size=1, max_size=4), st.integers(1, 50))
def test_it_is_the_digest_of_all_frames_however_they_are_cut(contents: list[bytes], piece: int) -> None:
    archive = b"".join(ZstdCompressor().compress(content) for content in contents)
    assert passing(archive, piece) == Digest.of(b"".join(contents))


def test_a_store_gives_the_same(tmp_path: Path) -> None:
    store, content = BlobStore(tmp_path), bytes(1_000_000)
    archive = ZstdCompressor().compress(content)
    assert unpacked_digest(store, store.put_bytes(archive)) == passing(archive) == Digest.of(content)


@pytest.mark.parametrize("stream", [b"", b"no archive at all", ZstdCompressor().compress(b"good") + b"and bad"])
def test_what_is_no_archive_has_no_digest_and_harms_nobody(stream: bytes) -> None:
    assert passing(stream) is None


def test_what_asks_for_too_much_memory_or_never_ends_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = ZstdCompressionParameters(window_log=27, enable_ldm=True)
    assert passing(ZstdCompressor(compression_params=wide).compressobj().compress(bytes(1 << 20))) is None
    monkeypatch.setattr(decompress, "_LARGEST", 1000)
    archive = ZstdCompressor().compress(bytes(1001))
    assert passing(archive) is None
    store = BlobStore(tmp_path)
    with pytest.raises(UndecodableArchiveError, match="more than 1000 bytes"):
        unpacked_digest(store, store.put_bytes(archive))
