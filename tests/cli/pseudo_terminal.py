"""Running the `farm` command on a real pseudo-terminal, and what may be printed there."""

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
    from collections.abc import Mapping

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
