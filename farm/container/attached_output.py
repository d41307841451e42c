"""The output of a running container, read from the socket that Docker hands out on attach.

Frames: Docker Engine API, "Attach to a container", stream format (8 bytes of header: stream, 0, 0, 0, length).
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from farm.container.sandbox_spec import Stream

_HEADER = struct.Struct(">BxxxL")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_CHUNK = 1 << 16


class AttachedOutput:
    """Reads complete or partial frames as they arrive, and returns control when none arrives."""

    def __init__(self, attached: io.RawIOBase) -> None:
        # Our own descriptor: closing the client's would leave the connection open.
        self._socket = socket.socket(fileno=os.dup(attached.fileno()))
        self._socket.settimeout(None)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._header = b""
        self._stream: Stream = "stdout"
        self._left = 0
        self.ended = False

    def wait(self, seconds: float) -> bytes:
        """Return the next bytes of the socket; nothing if none came within `seconds`, or the stream ended."""
        if self.ended or not self._selector.select(max(seconds, 0.0)):
            return b""
        try:
            received = self._socket.recv(_CHUNK)
        except ConnectionError:
            received = b""
        self.ended = not received
        return received

    def pieces(self, received: bytes) -> Iterator[tuple[Stream, bytes]]:
        """Divide bytes of the socket into pieces of either stream; raises the error `broken-stream`."""
        at = 0
        while at < len(received):
            if self._left == 0:
                wanted = _HEADER.size - len(self._header)
                self._header += received[at : at + wanted]
                at += wanted
                if len(self._header) < _HEADER.size:
                    return
                number, self._left = _HEADER.unpack(self._header)
                self._header = b""
                if number not in _STREAMS:
                    raise FarmError(
                        f"the Docker Engine sent a frame of the unknown stream {number}", code="broken-stream"
                    )
                self._stream = _STREAMS[number]
                continue
            piece = received[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            yield self._stream, piece

    def close(self) -> None:
        """Disconnect; the engine then discards further output of the container. May be called again."""
        self._selector.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
