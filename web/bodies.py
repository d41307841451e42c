"""Authentication, and bounds on bodies, before the application sees a request.

A token with its role, or a signature, is verified before the first byte of a body is read; that of a webhook, which is
of its body, while this is received. A body that is too
large or has too many values is 413, one that is too slow 408, one too many 503, a NUL in the address 400; each leaves
an audit row.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from farm.errors import FarmError
from web.auth import caller_of, check_caller, check_signed_body, refuse, webhook_of
from web.problems import answer_to
from web.receiving import Body, Spool
from web.webhook_bodies import WebhookBodies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from farm.server.transaction.unit_of_work import Application
    from web.routes import RouteRequirements, Routes
    from web.settings import WebSettings


class BytesInFlight:
    """Limits the bytes that are handled at a time to `capacity`. Others wait in order of arrival, at most `seconds`."""

    def __init__(self, capacity: int, seconds: float) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes fit, and reserve them for the block. Raises `FarmError` (`overloaded`).

        A size of 0 does not wait.
        """
        if size:
            await self._wait(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _wait(self, size: int) -> None:
        if not self._waiting and self._taken + size <= self._capacity:
            self._taken += size
            return
        mine = size, asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._seconds):
                await mine[1]
        except BaseException as error:
            if mine in self._waiting:
                self._waiting.remove(mine)
                self._give_back(0)  # smaller ones behind it may fit
            else:
                self._give_back(size)  # its turn came in the very moment in which it stopped waiting
            if isinstance(error, TimeoutError):
                raise FarmError("the farm is busy with other requests of this size", code="overloaded") from error
            raise

    def _give_back(self, size: int) -> None:
        self._taken -= size
        while self._waiting and self._taken + self._waiting[0][0] <= self._capacity:
            following, turn = self._waiting.popleft()
            self._taken += following
            if not turn.done():
                turn.set_result(None)


# A blob is streamed by its own route, which limits it by the length in the header.
_STREAMED = re.compile(r"/api/v1/worker/attempts/[0-9]+/blobs/[^/]+")
_LARGE = 1 << 20
_ORDINARY_AT_ONCE = 8  # of the largest
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 1 << 20


class BodyBounds:
    """ASGI middleware that reads a whole body, within its limits, and passes it on in one piece when it is its turn."""

    def __init__(self, app: ASGIApp, settings: WebSettings, application: Application, routes: Routes) -> None:
        self._app = app
        self._settings = settings
        self._application = application
        self._routes = routes
        self._spool = Spool(application.blobs, settings.spool_bytes)
        self._webhooks = WebhookBodies(settings)
        # Reports and heartbeats of workers never wait behind submissions.
        self._submissions = BytesInFlight(settings.submission_bytes, settings.turn_seconds)
        self._ordinary = BytesInFlight(_ORDINARY_AT_ONCE * settings.document_bytes, settings.turn_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._serve(Request(scope), receive, send)

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        begun = False
        try:
            _check_address(request)
            asked = self._routes.asked(request.scope)
            await run_in_threadpool(
                check_caller, request, self._application, asked.roles, webhook_about=asked.webhook_about
            )
            if asked.webhook_about is not None:
                await self._webhooks.verify(webhook_of(request), receive, _promised(request))
                begun = True
                await self._app(request.scope, _again(b"", receive), send)
                return
            if _STREAMED.fullmatch(request.scope["path"]):
                begun = True
                await self._app(request.scope, receive, send)
                return
            with Body(self._spool, self._settings) as body:
                limit, values = self._limit(request, asked), asked.values(self._settings)
                await body.receive(receive, limit, _promised(request), values=values)
                check_signed_body(request, body.digest)
                async with (self._submissions if asked.submits else self._ordinary).turn(body.size):
                    replay = _again(await body.content(), receive)
                    begun = True
                    await self._app(request.scope, replay, send)
                    if body.size > _LARGE:
                        gc.collect()  # the traceback of an answered error refers to its request in a cycle
        except ClientDisconnect:
            if begun:
                raise
        except FarmError as error:
            if begun:
                raise
            await run_in_threadpool(refuse, request, self._application, actor=caller_of(request), error=error)
            await _answer_early(answer_to(error), request, receive, send)

    def _limit(self, request: Request, asked: RouteRequirements) -> int:
        return asked.limit(self._settings) if caller_of(request) else self._settings.stranger_bytes


def _check_address(request: Request) -> None:
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        # No name here contains NUL, and PostgreSQL would refuse to look for it.
        raise FarmError("the address holds a NUL", code="bad-address")


def _promised(request: Request) -> int | None:
    text = request.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise FarmError("the length of the body is no number that a body can have", code="body-too-large")
    return int(text)


async def _answer_early(response: Response, request: Request, receive: Receive, send: Send) -> None:
    """Answer before the body was read, and read on for a moment before the connection ends.

    A connection that ends with unread data in it is reset, and many clients then never see the answer.
    """
    response.headers["Connection"] = "close"

    async def send_all_but_the_end(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await response(request.scope, receive, send_all_but_the_end)
    waits = "expect" in request.headers  # for permission to send its body, which it did not get
    if _has_body(request) and not waits:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await _drop(receive, _LINGER_BYTES)
    await send({"type": "http.response.body", "body": b""})


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _drop(receive: Receive, most: int) -> None:
    while most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def _again(body: bytes, receive: Receive) -> Receive:
    pieces = [body]

    async def replay() -> Message:
        if not pieces:
            return await receive()  # after a body, the only message is that the client has disconnected
        return {"type": "http.request", "body": pieces.pop(), "more_body": False}

    return replay
