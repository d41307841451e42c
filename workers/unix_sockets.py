"""What signer and checker have in common: they answer on Unix sockets, in folders that keep others out."""

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
    """Return an application that answers an error for people with its parts, and logs it.

    Those of the kinds `passing` are no refusals: it may be asked again.
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
    """Return what was sent. Raises `FarmError` when it is more than `largest` bytes."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > largest:
            raise FarmError(f"what is to be signed has at most {largest} bytes")
    return content


def private_folder(folder: Path, whose: str) -> None:
    """Make the folder of a socket, or see that it keeps others out: everybody may connect to the socket itself.

    Raises `FarmError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A group may get in: that of the program that asks, where it runs as a user of its own.
    if folder.stat().st_mode & 0o007:
        raise FarmError(
            f"everybody can get into {folder}, where the {whose} listens",
            remedy=f"Run `chmod o= {folder}`, or name a folder of its own with --socket.",
        )


def listen(path: Path) -> socket.socket:
    """Listen on a Unix socket: from now on who connects waits, until what has to be done before is done."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o666)  # its folder keeps out who has no business with it
    listening.listen(16)
    return listening
