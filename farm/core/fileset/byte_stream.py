"""A stream of chunks of any size, read as exact amounts; holds one chunk at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class StreamEndedError(Exception):
    """The stream ended before the requested number of bytes."""


class ByteStream:
    """Chunks of bytes as one stream; `offset` is the number of bytes taken so far."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = memoryview(b"")
        self.offset = 0

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes as views of the chunks that contain them; raises `StreamEndedError`."""
        while size:
            if not self._chunk and not self._refill():
                raise StreamEndedError
            piece = self._chunk[:size]
            self._chunk = self._chunk[len(piece) :]
            self.offset += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes; raises `StreamEndedError`."""
        if len(self._chunk) >= size:
            piece = bytes(self._chunk[:size])
            self._chunk = self._chunk[size:]
            self.offset += size
            return piece
        return b"".join(self.pieces(size))

    def at_end(self) -> bool:
        """Return whether nothing is left."""
        return not self._chunk and not self._refill()

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._chunk = memoryview(chunk)
                return True
        return False
