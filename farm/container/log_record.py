"""One line of a build's log, as it is stored, sent and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from farm.core.names.utc import utc_text

Severity = Literal["info", "warning", "error"]

_SAYS_ERROR = re.compile(r"(?:^|[\s:])(?:fatal |internal )?error\b\s*(?:\[[^\]]*\])?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line: its time (Unix time, seconds), stream and step. The stream `farm` is the worker itself.

    The text is as the build wrote it, with control characters: escape them before showing it.
    """

    time: float
    stream: str
    step: str
    text: str

    @property
    def severity(self) -> Severity:
        """`warning` for lines on stderr; `error` for lines on either stream that call themselves one."""
        if self.stream != "farm" and _SAYS_ERROR.search(self.text):
            return "error"
        return "warning" if self.stream == "stderr" else "info"

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
