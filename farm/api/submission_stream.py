"""Reads the stream of a submission that is being taken: its steps, and at the end the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from farm.api.errors import InvalidAnswerError
from farm.api.submission_wire import STREAM, SubmissionEnd, SubmissionStep

if TYPE_CHECKING:
    from collections.abc import Callable


def end_of_stream(response: httpx.Response, report: Callable[[SubmissionStep], None]) -> httpx.Response:
    """Call `report` with each step, and return the answer at the end as if it had come by itself.

    An answer that is no stream, as of an older farm or an error, is returned as it is. Raises `InvalidAnswerError`,
    also for a stream without an end: what became of the submission is not known then.
    """
    if response.headers.get("Content-Type", "").partition(";")[0] != STREAM:
        response.read()
        return response
    for line in response.iter_lines():
        try:
            step = json.loads(line)
            if "status" not in step:
                report(SubmissionStep.model_validate(step))
                continue
            end = SubmissionEnd.model_validate(step)
        except (ValueError, TypeError) as error:
            raise InvalidAnswerError(response.request, "", "a line of its stream is no step of a submission") from error
        return httpx.Response(end.status, json=end.answer, request=response.request)
    raise InvalidAnswerError(
        response.request, "", "its stream has no end; `farm submission list` shows whether it was accepted"
    )
