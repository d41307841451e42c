"""A static web server that logs how many bytes of content it has sent, to run as `python -m … FOLDER LOG`.

Small on purpose: its own time should not count in a measurement. It supports GET, persistent connections, ranges to the
end, and If-Modified-Since; and prints the port that it listens on.
"""

from __future__ import annotations

import os
import re
import socketserver
import sys
import threading
from email.utils import formatdate
from pathlib import Path
from typing import Any

_RANGE = re.compile(rb"bytes=([0-9]+)-")


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        """Answer one request after the other, until the client disconnects."""
        while (line := self.rfile.readline(8192).split()) and len(line) == 3:
            headers = dict(self._headers())
            self._answer(line[1].decode(), headers)
            if headers.get(b"connection", b"").lower() == b"close" or line[2] == b"HTTP/1.0":
                return

    def _headers(self) -> Any:
        while line := self.rfile.readline(8192).strip():
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()

    def _answer(self, path: str, headers: dict[bytes, bytes]) -> None:
        try:
            file = (self.server.folder / path.lstrip("/")).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._head("404 Not Found", 0)
            return
        with file:
            found = os.fstat(file.fileno())
            modified = formatdate(int(found.st_mtime), usegmt=True)
            if headers.get(b"if-modified-since", b"").decode() == modified:
                self._head("304 Not Modified", 0)
                return
            asked = _RANGE.fullmatch(headers.get(b"range", b""))
            start = int(asked[1]) if asked else 0
            if start >= found.st_size > 0:
                self._head("416 Range Not Satisfiable", 0)
                return
            size = found.st_size - start
            status = "206 Partial Content" if asked else "200 OK"
            part = (f"Content-Range: bytes {start}-{found.st_size - 1}/{found.st_size}",) if asked else ()
            self._head(status, size, f"Last-Modified: {modified}", *part)
            # Before the client has all of it, so that the line exists when the client ends.
            self.server.sent(path, size)
            if size:
                self.connection.sendfile(file, start)

    def _head(self, status: str, size: int, *lines: str) -> None:
        head = (f"HTTP/1.1 {status}", f"Content-Length: {size}", *lines, "", "")
        self.wfile.write("\r\n".join(head).encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, log: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.folder = folder
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._writing = threading.Lock()

    def sent(self, path: str, size: int) -> None:
        with self._writing:
            os.write(self._log, f'"GET {path} HTTP/1.1" 200 {size}\n'.encode())

    def handle_error(self, *_: object) -> None:
        """Ignore it: clients may disconnect."""


if __name__ == "__main__":
    with _Server(Path(sys.argv[1]), Path(sys.argv[2])) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
