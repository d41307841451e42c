"""Follows a growing log: the one loop behind all event streams, and the limit of their number."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator  # noqa: TC003  (FastAPI reads the annotations of a dependency)
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002  (FastAPI reads the annotations of a dependency)
from starlette.concurrency import run_in_threadpool

from farm.errors import FarmError
from farm.server.jobs import attempts
from web.problems import NotFoundError
from web.refusals import network_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.server.documents.log_store import LogPage
    from farm.server.tables.records import Attempt
    from farm.server.transaction.unit_of_work import Application
    from web.settings import WebSettings


class EventStreams:
    """Counts streams, in total and by network. Belongs to one event loop."""

    def __init__(self, settings: WebSettings) -> None:
        self._most = settings.streams
        self._most_each = settings.streams_each
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Count one stream for the block. Raises `FarmError` (`too-many-streams`, `overloaded`) above the limits."""
        who = network_of(address)
        if self._open[who] >= self._most_each:
            raise FarmError(
                f"your address already follows {self._most_each} logs, the most allowed",
                remedy="Close one of them, or read the log in pages.",
                code="too-many-streams",
            )
        if self._open.total() >= self._most:
            raise FarmError(
                f"{self._most} logs are being followed, the most allowed",
                remedy="Read the log in pages.",
                code="overloaded",
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


_ASK_EVERY = 4  # reads of the log between two database queries whether the attempt has ended
_LONGEST_ID = 19  # digits


def attempt_of(application: Application, attempt_id: int) -> Attempt:
    """Return an attempt. Raises `NotFoundError`."""
    with application.reading() as unit:
        attempt = attempts.attempt(unit.session, attempt_id)
    if attempt is None:
        raise NotFoundError(f"there is no attempt {attempt_id}")
    return attempt


def resumed(application: Application, attempt: Attempt, last_event_id: str, offset: int) -> int:
    """Return where a follower continues: after its last event, or at `offset` if that is no place here."""
    if last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) <= _LONGEST_ID:
        behind = int(last_event_id)
        if application.logs.begins_line(attempt.id, behind):
            return behind
    return offset


async def follow(
    application: Application, settings: WebSettings, attempt: Attempt, offset: int
) -> AsyncIterator[LogPage | Attempt]:
    """Yield the log from `offset` on, as it grows; at the end, when no more can come, the ended attempt."""
    looks = 0
    while True:
        page = None
        if application.logs.size(attempt.id) > offset:  # almost free, unlike a thread and a query for each follower
            page = await run_in_threadpool(application.logs.page, attempt.id, offset)
        if page is not None and page.records:
            yield page
            offset = page.next_offset
        elif attempt.finished_at is not None:
            yield attempt
            return
        else:
            looks += 1
            await asyncio.sleep(settings.follow_seconds)
            if looks % _ASK_EVERY == 0:
                attempt = await run_in_threadpool(attempt_of, application, attempt.id)
