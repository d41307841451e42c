"""HTTP on Unix sockets, for signer and checker, in directories that keep other users out."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from farm.errors import FarmError
from workers.refusals import refusal_form

if TYPE_CHECKING:
    from logging import Logger
    from pathlib import Path

REFUSED = 409
UNAVAILABLE = 503


def refusing_app(title: str, log: Logger, *passing: type[FarmError]) -> FastAPI:
    """Return an application that logs a `FarmError` and answers with its parts.

    Status 409 is a refusal; an error of the types `passing` is answered with 503: the client may ask again.
    """
    app = FastAPI(title=title, openapi_url=None)

    @app.exception_handler(FarmError)
    def refuse(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FarmError)  # noqa: S101  # the handler is registered for nothing else
        log.warning("refused: %s", error)
        status = UNAVAILABLE if isinstance(error, passing) else REFUSED
        return JSONResponse(refusal_form(error), status)

    return app


async def body(request: Request, largest: int) -> bytes:
    """Return the body of a request. Raises `FarmError` when it is larger than `largest` bytes."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > largest:
            raise FarmError(f"the body is larger than {largest} bytes")
    return content


def private_folder(folder: Path, whose: str) -> None:
    """Make the directory of a socket, or check that it keeps others out: the socket itself is open to everybody.

    Raises `FarmError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A group may enter: that of the client, if it runs as a user of its own.
    if folder.stat().st_mode & 0o007:
        raise FarmError(
            f"every user can enter {folder}, where the {whose} listens",
            remedy=f"Run `chmod o= {folder}`, or choose a private folder with --socket.",
        )


def listen(path: Path) -> socket.socket:
    """Listen on a Unix socket: from now on clients can connect, and wait until the program is ready to answer."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o666)  # its directory keeps other users out
    listening.listen(16)
    return listening
