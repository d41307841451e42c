"""Undoing the compression around an archive, in bounded memory whatever the stream says."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import zstandard

from farm.store.errors import UndecodableArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_WINDOW = 128 << 20
"""Bytes of history that a stream may ask a reader to keep (what `zstd -d` takes without being told)."""
_PIECE = 128 << 10  # small enough to be hashed and written while it is in the processor's cache


def archive_chunks(compressed: BinaryIO) -> Iterator[bytes]:
    """Give the uncompressed bytes of a zstd stream in pieces of at most 128 KiB, as they are asked for.

    All frames are read, so that data behind the first is seen here as by any other reader. Raises
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
