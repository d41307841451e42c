"""One line of a build's log, as it is kept, sent and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]

_SAYS_ERROR = re.compile(r"(?:^|[\s:])(?:fatal |internal )?error\b\s*(?:\[[^\]]*\])?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line: when it came (Unix time, seconds), on which stream, in which step. `stream` `farm` is the worker itself.

    The text is as the build wrote it, control characters included: whoever shows it makes it inert.
    """

    time: float
    stream: str
    step: str
    text: str

    @property
    def severity(self) -> Severity:
        """What is said on stderr is a warning; on either stream a line that calls itself an error is one."""
        if self.stream != "farm" and _SAYS_ERROR.search(self.text):
            return "error"
        return "warning" if self.stream == "stderr" else "info"

    def to_dict(self) -> dict[str, Any]:
        """Return the record with its fields in their fixed order."""
        moment = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
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
