"""The step driver: the files that it reads, and its output, as lines by step.

`driver.bash` runs inside the container. Values travel in NUL-separated files and never in a shell's text.
"""

from __future__ import annotations

import re
import time
from importlib import resources
from typing import TYPE_CHECKING

from farm.container.log_record import LogRecord
from farm.container.sandbox_spec import Bind
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.container.sandbox_spec import Stream
    from farm.core.recipe.recipe import Step

DRIVER_PLACE = "/run/farm"
LINE_BYTES = 16_384

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MARK = b"\x1e"


def write_driver(directory: Path, steps: Sequence[Step], *, nonce: str, workdir: str) -> tuple[tuple[str, ...], Bind]:
    """Write the driver and its steps, which start in `workdir`, into an empty directory; return command and bind.

    `nonce` is a random text that marks the driver's own lines. A build that looks for it can find it, and gains no more
    than to assign lines of its log to another of its steps. Raises the error `unusable-step`.
    """
    (directory / "driver.bash").write_text(resources.files("farm.container").joinpath("driver.bash").read_text())
    for number, step in enumerate(steps):
        place = directory / "steps" / f"{number:03}"
        place.mkdir(parents=True)
        (place / "script").write_text(step.script)
        (place / "arguments").write_bytes(_separated(step, step.arguments))
        for name, _ in step.environment:
            if not _VARIABLE.fullmatch(name):
                raise FarmError(
                    f"the step {step.name} sets {name!r}, which is not a variable name", code="unusable-step"
                )
        (place / "environment").write_bytes(_separated(step, [f"{name}={value}" for name, value in step.environment]))
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    command = ("/usr/bin/bash", f"{DRIVER_PLACE}/driver.bash", nonce, f"{DRIVER_PLACE}/steps", workdir)
    return command, Bind(directory, DRIVER_PLACE)


class StepLog:
    """Turns the driver's output into records, line by line; too long lines are cut, with a note."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        nonce: str,
        sink: Callable[[LogRecord], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._names = names
        self._marker = re.compile(re.escape(_MARK + nonce.encode()) + rb" (?:begin ([0-9]{3,6})|forks refused)")
        self._sink = sink
        self._clock = clock
        self._partial: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._cut: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._steps: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self.forks_refused = False
        """Whether the kernel refused new processes to the failed step."""

    @property
    def step(self) -> str:
        """The name of the last step that began."""
        number = max(self._steps.values())
        return self._names[number] if number < len(self._names) else ""

    def feed(self, stream: Stream, piece: bytes) -> None:
        """Take a piece of output, of any size."""
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._append(stream, line)
            self._flush(stream)
        self._append(stream, rest)

    def close(self) -> None:
        """Record unfinished lines."""
        for stream, partial in self._partial.items():
            if partial:
                self._flush(stream)

    def _append(self, stream: Stream, piece: bytes) -> None:
        room = LINE_BYTES - len(self._partial[stream])
        self._partial[stream] += piece[:room]
        self._cut[stream] += max(len(piece) - room, 0)

    def _flush(self, stream: Stream) -> None:
        line, cut = self._partial[stream], self._cut[stream]
        self._partial[stream], self._cut[stream] = b"", 0
        marker = self._marker.search(line)
        if marker:
            # A step that ended in the middle of a line: the marker follows its text.
            if marker.start():
                self._record(stream, line[: marker.start()], 0)
            if marker[1]:
                self._steps[stream] = int(marker[1])
            else:
                self.forks_refused = True
        else:
            self._record(stream, line, cut)

    def _record(self, stream: Stream, line: bytes, cut: int) -> None:
        text = line.decode("utf-8", "replace") + (f" [{cut} bytes cut]" if cut else "")
        number = self._steps[stream]
        step = self._names[number] if number < len(self._names) else ""
        self._sink(LogRecord(self._clock(), stream, step, text))


def _separated(step: Step, values: Sequence[str]) -> bytes:
    if any("\0" in value for value in values):
        raise FarmError(f"the step {step.name} has a value with a NUL character", code="unusable-step")
    return b"".join(value.encode() + b"\0" for value in values)
