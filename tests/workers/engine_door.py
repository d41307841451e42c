"""A proxy to the machine's Docker Engine that a test can shut: for its users the engine is then unreachable."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ENGINE = "/var/run/docker.sock"


class EngineDoor:
    """Listens on a Unix socket and forwards everything to the engine, until it is shut.

    Data that contains `holds` is withheld until `let_go` is set; `is_held` is set as soon as there is some.
    """

    def __init__(self, path: Path, holds: bytes = b"") -> None:
        self.path = path
        self.is_held, self.let_go = threading.Event(), threading.Event()
        self._holds = holds
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.open()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Accept no new connections, and end the existing ones."""
        if self._listener is not None:
            self.path.unlink()
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            outside = socket.socket(socket.AF_UNIX)
            outside.connect(_ENGINE)
            self._open += [inside, outside]
            for one, other in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if self._holds and self._holds in piece:
                    self.is_held.set()
                    self.let_go.wait()
                sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def engine_door(path: Path, holds: bytes = b"") -> Iterator[EngineDoor]:
    door = EngineDoor(path, holds)
    try:
        yield door
    finally:
        door.let_go.set()
        door.shut()
