"""Bounds on requests, before any of the application sees them.

A body that is too large is 413, one that is too slow 408, a NUL in the address 400; each leaves an audit row.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from web.problems import error_response
from web.refusals import Refused, write_down

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from farm.control.desk import Office
    from web.refusals import RefusalBudget
    from web.settings import WebSettings

# A blob is streamed by its own route, which bounds it by what the header promised.
_STREAMED = re.compile(r"/api/v1/worker/attempts/[0-9]+/blobs/[^/]+")
_SUBMISSIONS = "/api/v1/submissions"


class _BodyRefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class BodyBounds:
    """ASGI middleware that reads a body whole, within its bounds, and hands it on in one piece."""

    def __init__(self, app: ASGIApp, settings: WebSettings, office: Office, refusals: RefusalBudget) -> None:
        self._app = app
        self._settings = settings
        self._office = office
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            # No name here holds one, and PostgreSQL would refuse to look for it.
            await self._refuse(_BodyRefusedError(400, "bad-address", "the address holds a NUL"), scope, receive, send)
            return
        if scope["type"] != "http" or _STREAMED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        limit = self._settings.json_bytes
        if scope["path"] == _SUBMISSIONS:
            limit = self._settings.submission_bytes
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                body = await _read(scope, receive, limit)
        except TimeoutError:
            refused = _BodyRefusedError(408, "body-too-slow", "the body of the request did not arrive in time")
            await self._refuse(refused, scope, receive, send)
        except _BodyRefusedError as error:
            await self._refuse(error, scope, receive, send)
        else:
            await self._app(scope, _again(body, receive), send)

    async def _refuse(self, error: _BodyRefusedError, scope: Scope, receive: Receive, send: Send) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        refused = Refused("", address, scope["method"], scope["path"], error.code, error.message)
        await run_in_threadpool(write_down, self._office, self._refusals, refused)
        response = error_response(error.status, error.code, error.message)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes:
    too_large = _BodyRefusedError(413, "body-too-large", f"the body may have {limit} bytes")
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > limit):
            raise too_large
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()  # what comes after a body is only that the client has gone
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
