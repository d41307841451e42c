"""The step driver: the files that it reads, and its output, as lines by step.

`driver.bash` runs inside the container. Values travel in NUL-separated files and never in a shell's text.
"""

from __future__ import annotations

import re
import time
from importlib import resources
from typing import TYPE_CHECKING

from farm.container.log_record import JOINED, LogRecord
from farm.container.sandbox_spec import Bind
from farm.core.buildlog.log_line import WORKERS_STREAM
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.core.recipe.recipe import Step

DRIVER_PLACE = "/run/farm"
LINE_BYTES = 16_384

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MARK = b"\x1e"


def write_driver(
    directory: Path, steps: Sequence[Step], *, nonce: str, workdir: str, first: int = 0, end: int | None = None
) -> tuple[tuple[str, ...], Bind]:
    """Write the driver and its steps, which start in `workdir`, into an empty directory; return command and bind.

    Only the steps from number `first` on, and before number `end`, are written; they keep their numbers. `nonce` is a
    random text that marks the driver's own lines. A build that looks for it can find it, and gains no more than to
    assign lines of its log to another of its steps. Raises the error `unusable-step`.
    """
    _write_script(directory, "driver.bash")
    (directory / "steps").mkdir()
    for number, step in list(enumerate(steps))[first:end]:
        place = directory / "steps" / f"{number:03}"
        place.mkdir(parents=True)
        (place / "script").write_text(step.script)
        (place / "arguments").write_bytes(_separated(step, step.arguments))
        for name, _ in step.environment:
            if not _VARIABLE.fullmatch(name):
                raise FarmError(
                    f"the step {step.title} sets {name!r}, which is not a variable name", code="unusable-step"
                )
        (place / "environment").write_bytes(_separated(step, [f"{name}={value}" for name, value in step.environment]))
    _make_readable(directory)
    command = ("/usr/bin/bash", f"{DRIVER_PLACE}/driver.bash", nonce, f"{DRIVER_PLACE}/steps", workdir)
    return command, Bind(directory, DRIVER_PLACE)


def write_entry(
    directory: Path, steps: Sequence[Step], number: int, *, workdir: str, greeting: str, prompt: str
) -> tuple[tuple[str, ...], Bind]:
    """Write what enters the step `number` by hand into an empty directory; return command and bind.

    Arguments that are appended to the command are run in the step's directory, with its variables; without any, it
    is a shell that prints `greeting` first. Raises the error `unusable-step`.
    """
    _, bind = write_driver(directory, steps, nonce="", workdir=workdir)
    for name in ("enter.bash", "rerun.bash", "shell.bash"):
        _write_script(directory, name)
    for name, text in (("directory", workdir), ("greeting", greeting), ("prompt", prompt)):
        (directory / name).write_text(text)
    again = directory / "again"
    again.mkdir()
    (again / f"{number:03}").symlink_to(f"../steps/{number:03}")
    _make_readable(directory)
    return ("/usr/bin/bash", f"{DRIVER_PLACE}/enter.bash", f"{DRIVER_PLACE}/steps/{number:03}", workdir), bind


def _write_script(directory: Path, name: str) -> None:
    (directory / name).write_text(resources.files("farm.container").joinpath(name).read_text())


def _make_readable(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


class StepLog:
    """Turns the output of steps into records, line by line; too long lines are cut, with a note.

    `stream` is what the records name as theirs. What the driver itself reports, out of the logs of a failed configure,
    gets the stream `farm` and the name of the step.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        nonce: str,
        sink: Callable[[LogRecord], None],
        stream: str = JOINED,
        clock: Callable[[], float] = time.time,
        first: int = 0,
    ) -> None:
        """`first` is the number of the step that the driver begins with."""
        self._names = names
        mark = re.escape(_MARK + nonce.encode())
        self._marker = re.compile(mark + rb" (?:begin ([0-9]{3,6})|says (.*)|forks refused)")
        self._sink = sink
        self._stream = stream
        self._clock = clock
        self._partial = b""
        self._cut = 0
        self.number = first
        """The number of the last step that began, from 0."""
        self.forks_refused = False
        """Whether the kernel refused new processes to the failed step."""

    @property
    def step(self) -> str:
        """The name of the last step that began."""
        return self._names[self.number] if self.number < len(self._names) else ""

    def feed(self, piece: bytes) -> None:
        """Take a piece of output, of any size."""
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._append(line)
            self._flush()
        self._append(rest)

    def close(self) -> None:
        """Record an unfinished line."""
        if self._partial:
            self._flush()

    def _append(self, piece: bytes) -> None:
        room = LINE_BYTES - len(self._partial)
        self._partial += piece[:room]
        self._cut += max(len(piece) - room, 0)

    def _flush(self) -> None:
        line, cut = self._partial, self._cut
        self._partial, self._cut = b"", 0
        marker = self._marker.search(line)
        if not marker:
            self._record(self._stream, line, cut)
            return
        # A step that ended in the middle of a line: the marker follows its text.
        if marker.start():
            self._record(self._stream, line[: marker.start()], 0)
        if marker[1]:
            self.number = int(marker[1])
        elif marker[2] is not None:
            self._record(WORKERS_STREAM, marker[2], cut)
        else:
            self.forks_refused = True

    def _record(self, stream: str, line: bytes, cut: int) -> None:
        text = line.decode("utf-8", "replace") + (f" [{cut} bytes cut]" if cut else "")
        self._sink(LogRecord(self._clock(), stream, self.step, text))


def _separated(step: Step, values: Sequence[str]) -> bytes:
    if any("\0" in value for value in values):
        raise FarmError(f"the step {step.title} has a value with a NUL character", code="unusable-step")
    return b"".join(value.encode() + b"\0" for value in values)
