"""One line of JSON for each request to the registry, so that bytes and blobs can be counted afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.utc import utc_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.types import Message, Scope, Send

LARGEST = 64 << 20
"""Bytes of the file; there are at most two of them."""
_LONGEST = 300


class AccessLog:
    """A file that lines are appended to, opened for each: so it can be moved away, and several processes may share it.

    A file that has grown large becomes `access.log.1`, replacing the earlier one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, line: dict[str, Any]) -> None:
        """Append a line. Raises `OSError`."""
        text = json.dumps(line, ensure_ascii=True, sort_keys=True) + "\n"
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(text)
                # Of two processes that find it large, the second has a new file by then.
                if file.tell() > LARGEST and self._is_at_its_place(file.fileno()):
                    self._path.replace(self._path.with_name(f"{self._path.name}.1"))

    def _is_at_its_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False


class CountedResponse:
    """The answer to one request: its status, and how many bytes of a body were given to the connection.

    `done` is awaited before the end of the answer is sent, so that the line exists once a client has the answer: for an
    answer without a body, the head is held back until then.
    """

    def __init__(self, send: Send, method: str, done: Callable[[CountedResponse], Awaitable[None]]) -> None:
        self._send = send
        self._method = method
        self._done = done
        self._head: Message | None = None
        self.status = 0
        self.sent = 0
        self.ended = False

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status, self._head = message["status"], message
            return
        if self._method != "HEAD":  # the server sends no body then
            self.sent += len(message.get("body", b""))
        if not message.get("more_body", False):
            await self.end()
        if self._head:
            await self._send(self._head)
            self._head = None
        await self._send(message)

    async def end(self) -> None:
        """End the answer; counts once."""
        if not self.ended:
            self.ended = True
            await self._done(self)

    def line(self, scope: Scope, kind: str, name: str, reference: str) -> dict[str, Any]:
        """Return the line: `kind` is `blob`, `manifest`, `referrers`, `tags` or empty."""
        agent = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
        return {
            "address": scope["client"][0] if scope.get("client") else "",
            "agent": agent[:_LONGEST],
            "at": utc_text(datetime.now(UTC)),
            "bytes": self.sent,
            "kind": kind,
            "method": self._method,
            "name": name[:_LONGEST],
            "reference": reference[:_LONGEST],
            "status": self.status,
        }
