"""One line of a build's log, as it is stored, sent and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from farm.core.buildlog.families.hints import SAYS_ERROR
from farm.core.buildlog.log_line import WORKERS_STREAM
from farm.core.buildlog.terminal_text import plain
from farm.core.names.utc import utc_text

Severity = Literal["info", "warning", "error"]

JOINED = "output"
"""The stream of a build's steps, whose standard output and standard error are one pipe."""

_SAYS_WARNING = re.compile(r"(?:^|[\s:*\[(])warning\b\s*(?:\[[^\]]*\]|\])?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line: its time (Unix time, seconds), stream and step.

    The stream of a build's steps is `output`: both of their streams, in the order of writing. That of a test is
    `stdout` or `stderr`, and that of the worker itself `farm`. Older logs of builds have `stdout` and `stderr`.
    The text is as the build wrote it, with control characters: escape them before showing it.
    """

    time: float
    stream: str
    step: str
    text: str

    @property
    def severity(self) -> Severity:
        """What the line calls itself: `error`, `warning` or neither; what a test writes to stderr is a warning."""
        text = plain(self.text)
        if self.stream != WORKERS_STREAM and SAYS_ERROR.search(text):
            return "error"
        return "warning" if self.stream == "stderr" or _SAYS_WARNING.search(text) else "info"

    def to_dict(self) -> dict[str, Any]:
        """Return the record with its fields in their fixed order."""
        moment = utc_text(datetime.fromtimestamp(self.time, UTC), "microseconds")
        return {
            "time": moment,
            "stream": self.stream,
            "severity": self.severity,
            "step": self.step,
            "text": self.text,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> LogRecord:
        """Read what `to_dict` gave; raises `KeyError`, `ValueError`."""
        moment = datetime.fromisoformat(value["time"]).timestamp()
        return cls(moment, str(value["stream"]), str(value["step"]), str(value["text"]))
