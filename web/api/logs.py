"""Routes to read logs: in pages, and live as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from farm.api import wire
from farm.control.requests import find_job
from farm.database import attempts
from web.auth import OfficeHere, SettingsHere
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.control.desk import Office
    from farm.database.records import Attempt

router = APIRouter(prefix="/api/v1", tags=["logs"])

_ASK_EVERY = 4  # looks at the log between two questions to the database whether the attempt has ended
Offset = Annotated[int, Query(ge=0)]


@router.get("/jobs/{job_id}/log")
def job_log(office: OfficeHere, job_id: int, offset: Offset = 0) -> wire.LogPageWire:
    """Return a page of the log of a job's newest attempt; empty while nobody has begun."""
    with office.reading() as desk:
        find_job(desk, job_id)
        tries = attempts.attempts_of(desk.session, job_id)
    if not tries:
        return wire.LogPageWire(attempt_id=None, offset=0, next_offset=0, ended=False, records=())
    return _page(office, tries[-1], offset)


@router.get("/attempts/{attempt_id}/log")
def attempt_log(office: OfficeHere, attempt_id: int, offset: Offset = 0) -> wire.LogPageWire:
    """Return a page of the log of one attempt. `offset` is 0 or what a page before gave as `next_offset`."""
    return _page(office, _attempt(office, attempt_id), offset)


@router.get("/attempts/{attempt_id}/log/events", response_class=EventSourceResponse)
async def events(
    office: OfficeHere,
    settings: SettingsHere,
    attempt_id: int,
    offset: Offset = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Follow the log of an attempt: an event `log` for each record, and `end` with the state that it came to.

    The id of each event is the offset behind its record: a browser that reconnects goes on there.
    """
    attempt = await run_in_threadpool(_attempt, office, attempt_id)
    if last_event_id is not None and last_event_id.isdecimal():
        offset = int(last_event_id)
    looks = 0
    while True:
        if office.logs.size(attempt_id) > offset:
            page = await run_in_threadpool(office.logs.page, attempt_id, offset)
            for position, record in page.placed():
                yield ServerSentEvent(data=record, event="log", id=str(position))
            offset = page.next_offset
        elif attempt.finished_at is not None:
            yield ServerSentEvent(data={"state": attempt.state}, event="end", id=str(offset))
            return
        else:
            looks += 1
            await asyncio.sleep(settings.follow_seconds)
            if looks % _ASK_EVERY == 0:
                attempt = await run_in_threadpool(_attempt, office, attempt_id)


def _attempt(office: Office, attempt_id: int) -> Attempt:
    with office.reading() as desk:
        attempt = attempts.attempt(desk.session, attempt_id)
    if attempt is None:
        raise NotFoundError(f"there is no attempt {attempt_id}")
    return attempt


def _page(office: Office, attempt: Attempt, offset: int) -> wire.LogPageWire:
    page = office.logs.page(attempt.id, offset)
    ended = attempt.finished_at is not None and page.next_offset >= office.logs.size(attempt.id)
    return wire.LogPageWire(
        attempt_id=attempt.id, offset=offset, next_offset=page.next_offset, ended=ended, records=page.records
    )
