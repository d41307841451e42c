"""Installs the pages for people into the application: routes, static files, headers and error pages.

The pages work without scripts, except for following a log live; no untrusted text reaches a page unescaped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse
from starlette.datastructures import MutableHeaders

from web.pages import channels, errors, event_feed, excuse_feed, front, jobs, log, packages, releases, submissions
from web.pages.rendering import Pages, StaticAssets

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip


class PageHeaders:
    """ASGI middleware that adds them to every answer; headers that an answer sets itself stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", POLICY)
            await send(message)

        await self._app(scope, receive, send_with_headers)


__all__ = ["install_pages", "router"]

STATIC = Path(__file__).parent.parent / "static"

router = APIRouter(include_in_schema=False)
for _part in (front, event_feed, packages, jobs, log, channels, excuse_feed, releases, submissions):
    for _route in _part.router.routes:
        # HEAD is answered for pages, as link checkers ask. The server then sends no body; but a followed log has no
        # end.
        if isinstance(_route, APIRoute) and _route.response_class is not EventSourceResponse:
            _route.methods = {*(_route.methods or ()), "HEAD"}
    router.include_router(_part.router)


def install_pages(app: FastAPI, repository: Path | None, *, images: bool) -> None:
    """Add the pages, their static files, headers and error pages.

    `app.state.application` exists already, and so do the error handlers of the API, which stay in use for it.
    `repository` is the directory that the application publishes below `/repository`, if any, and with `images` also as
    images.
    """
    app.state.pages = Pages.open(app.state.application, STATIC, repository, images=images)
    app.include_router(router)
    app.mount("/static", StaticAssets(STATIC), name="static")
    app.add_middleware(PageHeaders)
    errors.install(app)
