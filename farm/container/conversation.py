"""A person's terminal, or a pipe, connected to a running container."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import termios
import threading
import tty
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.attached_output import AttachedOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 1 << 16
_PAUSE_SECONDS = 0.5


class AttachedStreams(AttachedOutput):
    """The output of a container, and its standard input."""

    def send(self, piece: bytes) -> None:
        """Write to the standard input. Raises `OSError` where the command has ended."""
        self._socket.sendall(piece)

    def end_input(self) -> None:
        """End the standard input."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Connects descriptors of this process with a container. With `terminal`, they are a terminal, made raw meanwhile.

    What the container prints is passed on as it is: whoever opens a shell wants its programs to use the terminal.
    """

    terminal: bool
    stdin: int = 0
    stdout: int = 1
    stderr: int = 2

    def hold(self, attached: AttachedStreams, resize: Callable[[int, int], None], is_over: Callable[[], bool]) -> None:
        """Pass everything on until the output ends, or `is_over` returns true. `resize` takes rows and columns."""
        with self._raw(resize):
            # A thread of its own: the container may take no input until its output is read.
            threading.Thread(target=self._pass_input, args=(attached,), daemon=True).start()
            while not attached.ended:
                received = attached.wait(_PAUSE_SECONDS)
                if self.terminal:
                    _write(self.stdout, received)
                else:
                    for stream, piece in attached.pieces(received):
                        _write(self.stdout if stream == "stdout" else self.stderr, piece)
                if is_over():
                    return

    def _pass_input(self, attached: AttachedStreams) -> None:
        with suppress(OSError):
            while piece := os.read(self.stdin, _PIECE):
                attached.send(piece)
        attached.end_input()

    @contextmanager
    def _raw(self, resize: Callable[[int, int], None]) -> Iterator[None]:
        if not self.terminal:
            yield
            return

        def fit(*_: object) -> None:
            size = shutil.get_terminal_size()
            resize(size.lines, size.columns)

        before, handler = termios.tcgetattr(self.stdin), signal.signal(signal.SIGWINCH, fit)
        try:
            tty.setraw(self.stdin)
            fit()
            yield
        finally:
            signal.signal(signal.SIGWINCH, handler)
            termios.tcsetattr(self.stdin, termios.TCSADRAIN, before)


def _write(descriptor: int, piece: bytes) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]
