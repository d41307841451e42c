"""A connection with one deadline for all its traffic, so that a trickle of bytes cannot hold a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class DeadlineStream(httpcore.NetworkStream):
    """Wraps a stream so that no operation waits beyond the deadline.

    `remaining` returns how many seconds are left, and raises when none are.
    """

    def __init__(self, stream: httpcore.NetworkStream, remaining: Callable[[], float]) -> None:
        self._stream = stream
        self._remaining = remaining

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read the available bytes, up to `max_bytes`."""
        try:
            return self._stream.read(max_bytes, self._shorter(timeout))
        except httpcore.ReadTimeout:
            self._remaining()  # the deadline is the better explanation, where it passed
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of the buffer."""
        self._stream.write(buffer, self._shorter(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Continue in TLS, under the same deadline."""
        inner = self._stream.start_tls(ssl_context, server_hostname, self._shorter(timeout))
        return DeadlineStream(inner, self._remaining)

    def get_extra_info(self, info: str) -> Any:
        """Return the wrapped stream's value."""
        return self._stream.get_extra_info(info)

    def _shorter(self, timeout: float | None) -> float:
        remaining = self._remaining()
        return remaining if timeout is None else min(timeout, remaining)
