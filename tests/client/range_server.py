"""A web server on the loopback that counts the bytes sent of each file, and can break connections half-way."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE = 64 * 1024


class _Silent(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Log nothing: clients break connections, too."""


@dataclass
class RangeServer:
    """Serves `folder`. After `hang_up_after` bytes of a file it breaks the connection; `ranges`: it supports them."""

    folder: Path
    ranges: bool = True
    hang_up_after: int | None = None
    sent: Counter[str] = field(default_factory=Counter)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    @contextmanager
    def running(self) -> Iterator[RangeServer]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        with _Silent(("127.0.0.1", 0), Handler) as server:
            self.address = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = self.folder / request.path.lstrip("/")
        if not path.is_file():
            request.send_error(404)
            return
        content = path.read_bytes()
        self.asked.append(request.path)
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.ranges else 0
        if start and start >= len(content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        self._send(request, content[start:])

    def _send(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        most = len(content) if self.hang_up_after is None else self.hang_up_after
        for place in range(0, min(len(content), most), _PIECE):
            piece = content[place : min(place + _PIECE, most)]
            request.wfile.write(piece)
            self.sent[request.path] += len(piece)
        if most < len(content):
            request.close_connection = True
