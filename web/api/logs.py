"""Routes to read logs: in pages, and live as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from farm.api import wire
from farm.server.jobs import attempts, jobs
from farm.server.tables.records import Attempt
from web.auth import ApplicationHere, SettingsHere
from web.log_following import attempt_of, follow, one_stream, resumed

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import Application

router = APIRouter(prefix="/api/v1", tags=["logs"])


@router.get("/jobs/{job_id}/log")
def job_log(application: ApplicationHere, job_id: wire.Number, offset: wire.Offset = 0) -> wire.LogPageWire:
    """Return a page of the log of a job's newest attempt; empty before the first attempt."""
    with application.reading() as unit:
        jobs.find_job(unit.session, job_id)
        tries = attempts.attempts_of(unit.session, job_id)
    if not tries:
        return wire.LogPageWire(attempt_id=None, offset=0, next_offset=0, ended=False, records=())
    return _page(application, tries[-1], offset)


@router.get("/attempts/{attempt_id}/log")
def attempt_log(application: ApplicationHere, attempt_id: wire.Number, offset: wire.Offset = 0) -> wire.LogPageWire:
    """Return a page of the log of one attempt. `offset` is 0 or an earlier page's `next_offset`."""
    return _page(application, attempt_of(application, attempt_id), offset)


@router.get("/attempts/{attempt_id}/first-error")
def first_error(application: ApplicationHere, attempt_id: wire.Number) -> wire.FirstErrorWire:
    """Return the first error in the log of a failed attempt, with the lines around it."""
    return wire.FirstErrorWire(first_error=attempt_of(application, attempt_id).first_error)


@dataclass(frozen=True, slots=True)
class Mark:
    """The place where a follower starts in the log of an attempt."""

    attempt: Attempt
    offset: int


def mark(
    application: ApplicationHere,
    attempt_id: wire.Number,
    offset: wire.Offset = 0,
    last_event_id: Annotated[str, Header()] = "",
) -> Mark:
    """A dependency: refuses requests before the first event, while an error can still be answered."""
    attempt = attempt_of(application, attempt_id)
    offset = resumed(application, attempt, last_event_id, offset)
    application.logs.check_begins_line(attempt.id, offset)
    return Mark(attempt, offset)


@router.get("/attempts/{attempt_id}/log/events", response_class=EventSourceResponse, dependencies=[Depends(one_stream)])
async def events(
    application: ApplicationHere,
    settings: SettingsHere,
    at: Annotated[Mark, Depends(mark)],
) -> AsyncIterable[ServerSentEvent]:
    """Follow the log of an attempt: an event `log` for each record, and `end` with its final state.

    The id of each event is the offset after its record: a browser that reconnects continues there.
    """
    offset = at.offset
    async for found in follow(application, settings, at.attempt, offset):
        if isinstance(found, Attempt):
            yield ServerSentEvent(data={"state": found.state}, event="end", id=str(offset))
            return
        for position, record in found.placed():
            yield ServerSentEvent(data=record, event="log", id=str(position))
        offset = found.next_offset


def _page(application: Application, attempt: Attempt, offset: int) -> wire.LogPageWire:
    page = application.logs.page(attempt.id, offset)
    ended = attempt.finished_at is not None and page.next_offset >= application.logs.size(attempt.id)
    return wire.LogPageWire(
        attempt_id=attempt.id, offset=offset, next_offset=page.next_offset, ended=ended, records=page.records
    )
