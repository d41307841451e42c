"""Routes of attempts besides the build page: the log, live as rows of HTML or whole as text; the signed statement."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from farm.api.wire import Number, Offset
from farm.core.buildlog.log_line import text_line
from farm.core.buildlog.terminal_text import plain
from farm.core.names.digest import Digest
from farm.core.names.escaping import escape_control_chars
from farm.server.tables.records import Attempt
from web.auth import ApplicationHere, SettingsHere
from web.log_following import attempt_of, follow, one_stream, resumed
from web.pages.log_view import log_rows
from web.pages.rendering import PagesHere  # noqa: TC001  (FastAPI reads the annotations of a dependency)
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import Application

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Mark:
    """The place of a follower in the log of an attempt: the offset at which the line of this number begins."""

    attempt: Attempt
    offset: int
    line: int


def mark(
    application: ApplicationHere,
    pages: PagesHere,
    attempt_id: Number,
    offset: Offset = 0,
    last_event_id: Annotated[str, Header()] = "",
) -> Mark:
    """A dependency: a browser that reconnects continues after the last event that it received."""
    attempt = attempt_of(application, attempt_id)
    offset = resumed(application, attempt, last_event_id, offset)
    line = pages.logs.line_at(attempt_id, offset)
    if line is None:
        raise NotFoundError(f"No line of this log begins at {offset}.")
    return Mark(attempt, offset, line)


@router.get("/attempts/{attempt_id}/log/follow", response_class=EventSourceResponse, dependencies=[Depends(one_stream)])
async def events(
    application: ApplicationHere, settings: SettingsHere, at: Annotated[Mark, Depends(mark)]
) -> AsyncIterable[ServerSentEvent]:
    """Send new lines as they come, as the build page renders them (`rows`), and `end` once there are no more."""
    offset, line = at.offset, at.line
    address = f"/jobs/{at.attempt.job_id}?attempt={at.attempt.number}&"
    async for found in follow(application, settings, at.attempt, offset):
        if isinstance(found, Attempt):
            yield ServerSentEvent(raw_data=found.state, event="end", id=str(offset))
            return
        rows = await run_in_threadpool(log_rows, found.records, first=line, page=address)
        yield ServerSentEvent(raw_data=str(rows), event="rows", id=str(found.next_offset))
        offset, line = found.next_offset, line + len(found.records)


@router.get("/attempts/{attempt_id}/log.txt")
def plain_log(application: ApplicationHere, attempt_id: Number) -> StreamingResponse:
    """Send the present log as text, one line for each record: the step, and what a terminal would show of the line."""
    attempt = attempt_of(application, attempt_id)
    headers = {"Content-Disposition": f'inline; filename="job-{attempt.job_id}-attempt-{attempt.number}.log"'}
    return StreamingResponse(_lines(application, attempt.id), media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/attempts/{attempt_id}/attestation.json")
def attestation(application: ApplicationHere, attempt_id: Number) -> Response:
    """Send the signed statement about the result of a test or a comparison, as its worker made it."""
    digest = attempt_of(application, attempt_id).attestation
    if not digest:
        raise NotFoundError(f"Attempt {attempt_id} has no signed result.")
    return Response(application.blobs.read(Digest(digest)), media_type="application/json")


def _lines(application: Application, attempt_id: int) -> Iterator[str]:
    offset = 0
    while (page := application.logs.page(attempt_id, offset)).records:
        yield "".join(
            f"{escape_control_chars(text_line(record['stream'], record['step'], plain(record['text'])))}\n"
            for record in page.records
        )
        offset = page.next_offset
