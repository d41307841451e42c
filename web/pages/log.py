"""Routes of logs besides the build page: followed live as rows of HTML, and whole as plain text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from farm.database import attempts
from web.auth import OfficeHere, SettingsHere
from web.pages.log_rows import log_rows
from web.pages.rendering import PagesHere  # noqa: TC001  (FastAPI reads the annotations of a dependency)
from web.pages.terminal_text import one_line
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.control.desk import Office
    from farm.database.records import Attempt

router = APIRouter()

_ASK_EVERY = 4  # looks at the log between two questions to the database whether the attempt has ended


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a follower stands in the log of an attempt: the offset at which the line of this number begins."""

    attempt: Attempt
    offset: int
    line: int


def mark(
    office: OfficeHere,
    pages: PagesHere,
    attempt_id: int,
    offset: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Mark:
    """A dependency: a browser that reconnects goes on behind the last event that it had."""
    if last_event_id is not None and last_event_id.isdecimal():
        offset = int(last_event_id)
    attempt = _attempt(office, attempt_id)
    line = pages.logs.line_at(attempt_id, offset)
    if line is None:
        raise NotFoundError(f"No line of this log begins at {offset}.")
    return Mark(attempt, offset, line)


@router.get("/attempts/{attempt_id}/log/follow", response_class=EventSourceResponse)
async def follow(
    office: OfficeHere, settings: SettingsHere, at: Annotated[Mark, Depends(mark)]
) -> AsyncIterable[ServerSentEvent]:
    """Send new lines as they come, as the build page renders them (`rows`), and `end` once there are no more."""
    attempt, offset, line = at.attempt, at.offset, at.line
    address = f"/jobs/{attempt.job_id}?attempt={attempt.number}&"
    looks = 0
    while True:
        page = await run_in_threadpool(office.logs.page, attempt.id, offset)
        if page.records:
            rows = await run_in_threadpool(log_rows, page.records, first=line, page=address)
            yield ServerSentEvent(raw_data=str(rows), event="rows", id=str(page.next_offset))
            offset, line = page.next_offset, line + len(page.records)
        elif attempt.finished_at is not None:
            yield ServerSentEvent(raw_data=attempt.state, event="end", id=str(offset))
            return
        else:
            looks += 1
            await asyncio.sleep(settings.follow_seconds)
            if looks % _ASK_EVERY == 0:
                attempt = await run_in_threadpool(_attempt, office, attempt.id)


@router.get("/attempts/{attempt_id}/log.txt")
def plain(office: OfficeHere, attempt_id: int) -> StreamingResponse:
    """Send the whole log as it is now, one line of text a record, as inert in a terminal as on a page."""
    attempt = _attempt(office, attempt_id)
    return StreamingResponse(_lines(office, attempt.id), media_type="text/plain; charset=utf-8")


def _lines(office: Office, attempt_id: int) -> Iterator[str]:
    offset = 0
    while (page := office.logs.page(attempt_id, offset)).records:
        yield "".join(
            f"{one_line(record['time'])} {one_line(record['stream'])} "
            f"{one_line(record['step']) or '-'}: {one_line(record['text'])}\n"
            for record in page.records
        )
        offset = page.next_offset


def _attempt(office: Office, attempt_id: int) -> Attempt:
    with office.reading() as desk:
        attempt = attempts.attempt(desk.session, attempt_id)
    if attempt is None:
        raise NotFoundError(f"There is no attempt {attempt_id}.")
    return attempt
