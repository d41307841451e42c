"""A bound on event streams: each costs the farm something while it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator  # noqa: TC003  (FastAPI reads the annotations of a dependency)
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002  (FastAPI reads the annotations of a dependency)

from web.problems import OverloadedError, TooManyStreamsError
from web.refusals import household

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web.settings import WebSettings


class EventStreams:
    """Counts them, in all and by household. Belongs to one event loop."""

    def __init__(self, settings: WebSettings) -> None:
        self._most = settings.streams
        self._most_each = settings.streams_each
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Count one stream for the block. Raises `TooManyStreamsError` or `OverloadedError` instead of the next."""
        who = household(address)
        if self._open[who] >= self._most_each:
            raise TooManyStreamsError(
                f"your address already follows {self._most_each} logs, the most allowed",
                remedy="Close one of them, or read the log in pages.",
            )
        if self._open.total() >= self._most:
            raise OverloadedError(
                f"{self._most} logs are being followed, the most allowed", remedy="Read the log in pages."
            )
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


async def one_stream(request: Request) -> AsyncIterator[None]:
    """A dependency of every route that sends events: counts the stream until it ends."""
    streams: EventStreams = request.app.state.streams
    with streams.one(request.client.host if request.client else ""):
        yield
