"""Decompressing an archive in bounded memory, whatever the stream contains: its bytes, or their digest."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import zstandard

from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from farm.store.errors import UndecodableArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.store.blobs import BlobStore

LARGEST_WINDOW = 128 << 20
"""The window of a stream, in bytes, that a reader accepts (the default of `zstd -d`)."""
_LARGEST = 2 * ArchiveLimits().total_bytes
"""The largest size of an unpacked archive, in bytes: all its files, and as much again for its headers."""
_WINDOW = 16 << 20
"""The window of a stream that is hashed in passing: farm's archives need 2 MiB, and many may pass at once."""
_PIECE = 128 << 10  # small enough to be hashed and written while it is in the processor's cache


def archive_chunks(compressed: BinaryIO) -> Iterator[bytes]:
    """Yield the uncompressed bytes of a zstd stream in pieces of at most 128 KiB, on demand.

    All frames are read, so that data after the first frame is treated as by any other reader. Raises
    `UndecodableArchiveError`, and what reading `compressed` raises.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    with decompressor.stream_reader(compressed, read_across_frames=True, closefd=False) as stream:
        while True:
            try:
                piece = stream.read(_PIECE)
            except zstandard.ZstdError as error:
                raise UndecodableArchiveError(str(error)) from error
            if not piece:
                return
            yield piece


class PassingArchive:
    """Computes the digest of a zstd stream's content while it is written somewhere else, in bounded memory.

    A stream that is not zstd, or that needs a larger window, has no digest here; that is no error.
    """

    def __init__(self) -> None:
        self._hash = _Hash()
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        out = cast("IO[bytes]", self._hash)  # only its `write` is used
        self._stream: zstandard.ZstdDecompressionWriter | None = decompressor.stream_writer(out, closefd=False)

    def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the compressed stream."""
        if self._stream is None:
            return
        try:
            self._stream.write(piece)
        except (zstandard.ZstdError, UndecodableArchiveError):
            self._stream = None

    @property
    def digest(self) -> Digest | None:
        """The digest of everything that was decompressed so far; None when nothing was."""
        return self._hash.digest if self._stream is not None and self._hash.size else None


def unpacked_digest(store: BlobStore, archive: Digest) -> Digest:
    """Return the digest of the uncompressed content of an archive in the store, which is read completely.

    Raises `MissingBlobError`, `CorruptBlobError`, `UndecodableArchiveError`.
    """
    hashed = _Hash()
    with store.open(archive) as stream:
        for piece in archive_chunks(stream):
            hashed.write(piece)
    return hashed.digest


class _Hash:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> int:
        self.size += len(piece)
        if self.size > _LARGEST:
            raise UndecodableArchiveError(f"it holds more than {_LARGEST} bytes")
        self._hash.update(piece)
        return len(piece)

    @property
    def digest(self) -> Digest:
        return Digest.from_hex(self._hash.hexdigest())
