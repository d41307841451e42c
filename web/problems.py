"""Errors as answers: one table has the status of each, and all have one form."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from farm.api.log_lines import InvalidLogError
from farm.api.signing import UnsignedRequestError
from farm.api.wire import ErrorWire, ProblemWire
from farm.core.files.problems import RecipeError
from farm.errors import FarmError
from farm.server.advisories.advisory_intake import StaleAdvisoryError
from farm.server.channels.channel_checks import AlreadyError, UnknownChannelError
from farm.server.documents.log_store import LogOffsetError, LogPlaceError, LogTooLongError
from farm.server.jobs.leases import LeaseLostError
from farm.server.jobs.requests import JobStateError, UnknownJobError
from farm.server.submissions.owners import OwnershipTroubleError
from farm.server.submissions.waiting_submissions import NotAnOwnerError, UnknownSubmissionError
from farm.store.errors import BlobMismatchError, CorruptBlobError, MissingBlobError
from web.refusals import Refused, write_down

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_log = logging.getLogger("farm.web")
_SOON = "5"  # seconds


class UnauthenticatedError(FarmError):
    """The caller is unknown."""

    code = "unauthenticated"


class ForbiddenError(FarmError):
    """The caller is known, and may not do this."""

    code = "forbidden"


class NotFoundError(FarmError):
    """There is nothing with this name or number."""

    code = "not-found"


class NotReadyError(FarmError):
    """The farm answers, but cannot take work."""

    code = "not-ready"


class BodyTooLargeError(FarmError):
    """A body is larger than allowed, or than its header stated."""

    code = "body-too-large"


class BodyTooSlowError(FarmError):
    """A body does not arrive in time."""

    code = "body-too-slow"


class BadAddressError(FarmError):
    """An address contains a character that no address here has."""

    code = "bad-address"


class OverloadedError(FarmError):
    """The farm is at a limit of concurrent work."""

    code = "overloaded"


class TooManyStreamsError(FarmError):
    """One address follows the most logs that it may at a time."""

    code = "too-many-streams"


# The first match counts; any other FarmError is about the content of the request: 422.
_STATUS: tuple[tuple[type[FarmError], int], ...] = (
    (BadAddressError, 400),
    (LogPlaceError, 400),
    (UnauthenticatedError, 401),
    (UnsignedRequestError, 401),
    (ForbiddenError, 403),
    (NotAnOwnerError, 403),
    (NotFoundError, 404),
    (UnknownChannelError, 404),
    (UnknownJobError, 404),
    (UnknownSubmissionError, 404),
    (MissingBlobError, 404),
    (BodyTooSlowError, 408),
    (AlreadyError, 409),
    (LeaseLostError, 409),
    (JobStateError, 409),
    (LogOffsetError, 409),
    (StaleAdvisoryError, 409),
    (BodyTooLargeError, 413),
    (LogTooLongError, 413),
    (BlobMismatchError, 422),
    (InvalidLogError, 422),
    (TooManyStreamsError, 429),
    (CorruptBlobError, 500),
    (OverloadedError, 503),
    (OwnershipTroubleError, 503),
    (NotReadyError, 503),
    (FarmError, 422),
)


def install(app: FastAPI) -> None:
    """Make the application answer every error in one form."""
    app.add_exception_handler(FarmError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(Exception, _answer)


def error_response(status: int, code: str, message: str, **values: Any) -> Response:
    """Return an answer in the form of `ErrorWire`."""
    body = ErrorWire(code=code, message=message, **values).model_dump_json()
    return Response(body, status_code=status, media_type="application/json")


def answer_to(error: FarmError) -> Response:
    """Return the answer for an error."""
    response = error_response(
        status_of(error),
        error.code,
        error.message,
        remedy=error.remedy,
        problems=_problems(error),
        detail={"size": error.size} if isinstance(error, LogOffsetError) else {},
    )
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers.update(retry_headers(response.status_code))
    return response


def retry_headers(status: int) -> dict[str, str]:
    """Return the headers about retries for an answer of this status."""
    return {"Retry-After": _SOON} if status in (429, 503) else {}


def status_of(error: FarmError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, FarmError):
        if status_of(error) == 422:
            await run_in_threadpool(_write_down, request, error.code, error.message)
        return answer_to(error)
    if isinstance(error, RequestValidationError):
        told = "; ".join(_told(each) for each in error.errors()[:10])
        await run_in_threadpool(_write_down, request, "invalid-request", told)
        return error_response(422, "invalid-request", told)
    if isinstance(error, HTTPException):
        return error_response(error.status_code, "http", str(error.detail))
    # The details are in the operator's log, not in the answer.
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return error_response(500, "internal", "the farm failed to answer; its log says why")


def _write_down(request: Request, code: str, message: str) -> None:
    """Record an impossible report of a worker: people might not see the answer."""
    worker: str = getattr(request.state, "worker", "")
    if not worker:
        return
    address = request.client.host if request.client else ""
    refused = Refused(f"worker:{worker}", address, request.method, request.url.path, code, message)
    write_down(request.app.state.application, request.app.state.refusals, refused)


def _problems(error: FarmError) -> tuple[ProblemWire, ...]:
    if not isinstance(error, RecipeError):
        return ()
    return tuple(
        ProblemWire(
            file=problem.place.file,
            line=problem.place.line,
            column=problem.place.column,
            message=problem.message,
            remedy=problem.remedy,
            excerpt=problem.excerpt[:500],
            length=problem.length,
        )
        for problem in error.problems
    )


def _told(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where[:200]}: {problem['msg']}"
