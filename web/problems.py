"""Errors as answers: one table has the status of each code, and all have one form."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from farm.api.wire import ErrorWire, ProblemWire
from farm.core.files.problems import RecipeError
from farm.core.names.actor_name import worker_actor
from farm.errors import FarmError
from farm.server.documents.log_store import LogOffsetError
from web.auth import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_log = logging.getLogger("farm.web")
_SOON = "5"  # seconds
_STATUS = {
    "bad-address": 400,
    "log-place": 400,
    "unauthenticated": 401,
    "unsigned-request": 401,
    "unsigned-webhook": 401,
    "forged-webhook": 401,
    "forbidden": 403,
    "not-an-owner": 403,
    "missing-blob": 404,
    "not-found": 404,
    "unknown-job": 404,
    "body-too-slow": 408,
    "already": 409,
    "already-connected": 409,
    "already-previewed": 409,
    "commit-changed": 409,
    "job-state": 409,
    "too-many-webhooks": 409,
    "webhook-disabled": 409,
    "lease-lost": 409,
    "log-offset": 409,
    "stale-advisory": 409,
    "body-too-large": 413,
    "log-too-long": 413,
    "too-many-streams": 429,
    "corrupt-blob": 500,
    "not-ready": 503,
    "overloaded": 503,
    "ownership-trouble": 503,
}
"""By the code of an error; any other error is about the content of the request: 422."""


class NotFoundError(FarmError):
    """There is nothing with this name or number."""

    code = "not-found"


def install(app: FastAPI) -> None:
    """Make the application answer every error in one form."""
    for kind in (FarmError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_for)


def _response(status: int, code: str, message: str, **values: Any) -> Response:
    """Return an answer in the form of `ErrorWire`."""
    body = ErrorWire(code=code, message=message, **values).model_dump_json()
    return Response(body, status_code=status, media_type="application/json")


def answer_to(error: FarmError) -> Response:
    """Return the answer for an error."""
    response = _response(
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
    return _STATUS.get(error.code, 422)


async def answer_for(request: Request, error: Exception) -> Response:
    """Return the answer for whatever a request has raised."""
    if isinstance(error, RequestValidationError):
        error = FarmError("; ".join(map(_where_and_what, error.errors()[:10])), code="invalid-request")
    if isinstance(error, FarmError):
        worker: str = getattr(request.state, "worker", "")
        if worker and status_of(error) == 422:
            # An impossible report is recorded: people might not see the answer.
            application = request.app.state.application
            await run_in_threadpool(refuse, request, application, actor=worker_actor(worker), error=error)
        return answer_to(error)
    if isinstance(error, HTTPException):
        return _response(error.status_code, "http", str(error.detail))
    # The details are in the operator's log, not in the answer.
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _response(500, "internal", "the farm failed to answer; its log says why")


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


def _where_and_what(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where[:200]}: {problem['msg']}"
