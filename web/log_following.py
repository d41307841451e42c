"""Following a log that still grows: the one loop behind the API's events and the build page's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from farm.server.jobs import attempts
from web.problems import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from farm.server.documents.log_store import LogPage
    from farm.server.tables.records import Attempt
    from farm.server.transaction.unit_of_work import Application
    from web.settings import WebSettings

_ASK_EVERY = 4  # looks at the log between two questions to the database whether the attempt has ended
_LONGEST_ID = 19  # digits


def attempt_of(application: Application, attempt_id: int) -> Attempt:
    """Return an attempt. Raises `NotFoundError`."""
    with application.reading() as unit:
        attempt = attempts.attempt(unit.session, attempt_id)
    if attempt is None:
        raise NotFoundError(f"there is no attempt {attempt_id}")
    return attempt


def resumed(application: Application, attempt: Attempt, last_event_id: str, offset: int) -> int:
    """Return where a follower goes on: behind the last event that it had, or at `offset` when that is no place here."""
    if last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) <= _LONGEST_ID:
        behind = int(last_event_id)
        if application.logs.begins_line(attempt.id, behind):
            return behind
    return offset


async def follow(
    application: Application, settings: WebSettings, attempt: Attempt, offset: int
) -> AsyncIterator[LogPage | Attempt]:
    """Yield what the log has from `offset` on, as it comes; last, when no more can come, the attempt as it ended."""
    looks = 0
    while True:
        page = None
        if application.logs.size(attempt.id) > offset:  # nearly free, unlike a thread and a read for each follower
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
