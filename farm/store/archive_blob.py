"""Compressing an archive into the store: its digest, and the digest of the compressed blob."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import zstandard

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef

if TYPE_CHECKING:
    from types import TracebackType

    from farm.store.blobs import BlobStore

LEVEL = 3
"""The zstd level of the archives that the farm stores."""
_BATCH = 1 << 20


class ArchiveBlob:
    """Takes the pieces of an uncompressed archive; `commit` returns its digest and the compressed blob.

    Use it as a context manager; without `commit` it leaves nothing in the store. `threads` compress in the background.
    (A hashing thread was tried: handing over the interpreter lock cost more than it gained.)
    """

    def __init__(self, store: BlobStore, *, threads: int) -> None:
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._writer = store.writer()
        self._hash = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, threads=threads).compressobj()

    def __enter__(self) -> ArchiveBlob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def add(self, piece: bytes) -> None:
        """Append a piece of the archive."""
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= _BATCH:
            self._flush()

    def commit(self) -> tuple[Digest, BlobRef]:
        """End the archive; return the digest of the uncompressed bytes and the blob of the compressed ones."""
        self._flush()
        self._writer.write(self._compressor.flush())
        blob = BlobRef(self._writer.commit(), self._writer.size)
        return Digest.from_hex(self._hash.hexdigest()), blob

    def _flush(self) -> None:
        batch = b"".join(self._pieces)
        self._pieces, self._gathered = [], 0
        self._hash.update(batch)
        self._writer.write(self._compressor.compress(batch))
