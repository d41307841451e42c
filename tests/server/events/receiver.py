"""A receiver of webhooks on the loopback: a real HTTP server that keeps what it got, and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers, 204 after these. `before` runs before each answer."""

    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    header: tuple[str, str] = ("X-Nothing", "")
    body: bytes = b""
    trickle: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Check a message by the letter of Standard Webhooks, as a receiver would without a library."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{wanted}", given) for given in headers["webhook-signature"].split(" "))


@contextmanager
def receiving(port: int = 0, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Run a receiver on a free port of the loopback, or on this port and address."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            receiver.before()
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            self.send_header(*receiver.header)
            self.end_headers()
            self.wfile.write(receiver.body)
            while receiver.trickle:
                time.sleep(receiver.trickle)
                self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of a sender that has gone."""

    with Server((host, port), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.trickle = 0.0
            server.shutdown()
            thread.join()
