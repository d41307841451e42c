"""Running commands on a real pseudo-terminal, typing into them, and what may be printed there."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = Path(sys.executable).with_name("farm")
OUR_COLOURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36)m")
"""The escape sequences that `farm.cli.output.styled` writes for colours and weights."""
_OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PATIENCE = 240.0


def on_a_terminal(arguments: tuple[str, ...], environment: Mapping[str, str], directory: Path) -> bytes:
    """Run the command with a terminal as its stdin, stdout and stderr; return what was printed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=directory, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    arrived, deadline = bytearray(), time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1.0)[0]:
                continue
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: no process holds the other end any more
                break
            if not piece:
                break
            arrived += piece
        else:
            raise AssertionError(f"{arguments} has not ended: {arrived[-500:]!r}")
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return bytes(arrived)


class Terminal:
    """A person at a terminal, who types when something has been shown there."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], directory: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=theirs, stdout=theirs, stderr=theirs,
            env={**environment, "TERM": "xterm"}, cwd=directory, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = b""
        self._seen = 0

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, pattern: str) -> str:
        """Wait until a pattern is shown after what was waited for before, and return what matched it."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern.encode(), self.shown[self._seen :])):
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown
        self._seen += found.end()
        return found[0].decode(errors="replace")

    def ended(self) -> int:
        """Read until the command has ended; return its status."""
        deadline = time.monotonic() + _PATIENCE
        while self._read():
            assert time.monotonic() < deadline, self.shown
        os.close(self._ours)
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Read what arrives within a second; returns whether there may be more."""
        if not select.select([self._ours], [], [], 1)[0]:
            return True
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # EIO: no process holds the other end any more
            return False
        self.shown += piece
        return bool(piece)


def text_of(arrived: bytes) -> str:
    """Return the output without our colours, and with the line ends of Python for those of a terminal."""
    return OUR_COLOURS.sub("", arrived.decode().replace("\r\n", "\n"))


def obeyed(text: str) -> list[str]:
    """Return, with its context, each character that a terminal would obey or not show."""
    return [
        repr(text[max(0, at - 30) : at + 20])
        for at, character in enumerate(text)
        if character != "\n" and unicodedata.category(character) in _OBEYED
    ]
