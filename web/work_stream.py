"""Answers a request whose work may take minutes with a stream of JSON lines: its steps, and at the end its answer.

Nothing between the farm and the caller takes the connection for idle, as there is a line every few seconds.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from farm.api.submission_wire import STREAM, SubmissionEnd, SubmissionStep
from web.problems import answer_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import Request

    from farm.api.wire import Wire
    from farm.server.submissions.intake_progress import IntakeStep, Report

_LOOK_SECONDS = 0.3
"""How often it is looked whether there is a new step."""
_SILENT_LOOKS = 15
"""After so many looks without a new step, the last one is sent again."""


def stream_work(request: Request, work: Callable[[Report], Wire], *, status: int) -> StreamingResponse:
    """Return a response that does the work in a thread, and ends with its answer, of this `status` if it succeeds.

    The work goes on to its end where the caller has gone, as it would without a stream.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(request, work, status), media_type=STREAM, headers=headers)


async def _lines(request: Request, work: Callable[[Report], Wire], status: int) -> AsyncIterator[str]:
    newest: list[IntakeStep] = []

    def report(step: IntakeStep) -> None:
        newest[:] = [step]

    doing = asyncio.ensure_future(run_in_threadpool(work, report))
    try:
        sent, silent = None, 0
        while not (await asyncio.wait((doing,), timeout=_LOOK_SECONDS))[0]:
            step = newest[0] if newest else None
            silent = silent + 1 if step is sent else 0
            if step is not None and silent % _SILENT_LOOKS == 0:
                yield SubmissionStep.model_validate(step).model_dump_json() + "\n"
            sent = step
        yield (await _end(request, doing, status)).model_dump_json() + "\n"
    finally:
        # Until then, the body of the request counts among those that are being handled.
        with CancelScope(shield=True):
            await asyncio.wait((doing,))


async def _end(request: Request, doing: asyncio.Future[Wire], status: int) -> SubmissionEnd:
    try:
        return SubmissionEnd(status=status, answer=(await doing).model_dump(mode="json"))
    except Exception as error:  # noqa: BLE001  (answered as the application answers it elsewhere)
        response = await answer_for(request, error)
        return SubmissionEnd(status=response.status_code, answer=json.loads(bytes(response.body)))
