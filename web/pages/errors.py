"""Errors as pages, for requests of pages; the errors of the API stay the same."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from farm.errors import FarmError
from web.pages.lost import LOST_BLOB
from web.problems import retry_headers, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from web.pages.rendering import Pages

_log = logging.getLogger("farm.web")
_KINDS: tuple[type[Exception], ...] = (FarmError, RequestValidationError, HTTPException, Exception)
_TITLES = {
    400: "Bad request",
    404: "Not found",
    405: "Not allowed",
    429: "Too many requests",
    500: "The farm failed to answer",
    503: "Overloaded",
}


def install(app: FastAPI) -> None:
    """Answer with a page outside of `/api`, and with JSON inside."""
    before = {kind: app.exception_handlers[kind] for kind in _KINDS}
    for kind in _KINDS:
        app.add_exception_handler(kind, _handler(before[kind]))


def _handler(
    for_api: Callable[[Request, Any], Response | Awaitable[Response]],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/api/"):
            answered = for_api(request, error)
            return await answered if isinstance(answered, Awaitable) else answered
        return _page(request, error)

    return answer


def _page(request: Request, error: Exception) -> Response:
    status, message, remedy = _described(request, error)
    pages: Pages = request.app.state.pages
    title = _TITLES.get(status, "This did not work")
    response = pages.page(request, "error.html", status, title=title, status=status, message=message, remedy=remedy)
    response.headers.update(retry_headers(status))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


def _described(request: Request, error: Exception) -> tuple[int, str, str]:
    if isinstance(error, LOST_BLOB):
        # Its remedy names a path of this host: that is for the operator.
        _log.error("%s %s failed: %s %s", request.method, request.url.path, error.message, error.remedy)
        return 500, f"The farm has lost what this page shows: the blob {error.digest}.", ""
    if isinstance(error, FarmError):
        return status_of(error), error.message, error.remedy
    if isinstance(error, RequestValidationError):
        in_path = any(problem["loc"][0] == "path" for problem in error.errors())
        if in_path:
            return 404, "There is no page at this address.", ""
        names = ", ".join(sorted({str(problem["loc"][-1])[:100] for problem in error.errors()}))
        return 400, f"The address has an invalid value for “{names}”.", ""
    if isinstance(error, HTTPException):
        known = {404: "There is no page at this address.", 405: "This address does not take that method."}
        return error.status_code, known.get(error.status_code, str(error.detail)), ""
    # The details are in the operator's log, not in the answer.
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return 500, "The farm failed to answer. Its log says why.", ""
