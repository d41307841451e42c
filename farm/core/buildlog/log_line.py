"""A line of a build's log, as the recogniser reads it."""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.buildlog.terminal_text import plain

WORKERS_STREAM = "farm"
"""The stream of the worker's own lines, and of what the step driver shows of other logs."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line. `number` counts from 1; `text` is what a terminal shows; `driver` is whether the step driver wrote it.

    The driver's lines come out of the logs of a failed configure. `step` is empty for the worker's own lines.
    """

    number: int
    step: str
    text: str
    driver: bool = False

    @classmethod
    def of(cls, number: int, stream: str, step: str, text: str) -> LogLine:
        """Return the line of a record of the log."""
        return cls(number, step, plain(text).rstrip(), stream == WORKERS_STREAM)

    @classmethod
    def of_text(cls, number: int, line: str) -> LogLine:
        """Return the line that `text_line` wrote."""
        step, _, text = line.partition(" |")
        is_workers = step == WORKERS_STREAM or step.startswith(_OF_STEP)
        name = "" if step == WORKERS_STREAM else step.removeprefix(_OF_STEP)
        return cls.of(number, WORKERS_STREAM if is_workers else "", name, text.removeprefix(" "))


_OF_STEP = f"{WORKERS_STREAM}: "


def text_line(stream: str, step: str, text: str) -> str:
    """Return a record as a line of a text file: `make | cc -c a.c`; the worker's own are of `farm`, or `farm: make`."""
    if not step:
        return f"{WORKERS_STREAM} | {text}"
    return f"{_OF_STEP if stream == WORKERS_STREAM else ''}{step} | {text}"
