"""What a rule found, where, and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm.core.files.problems import Problem


class Severity(StrEnum):
    """An error has to be corrected; a warning can be allowed, with a reason."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A problem found by the rule `code` (`S101`), whose name is `name` (`plain-http`).

    `check` is the code of the program that found it, where one did: `SC2045`.
    """

    code: str
    name: str
    severity: Severity
    problem: Problem
    check: str = ""

    @property
    def label(self) -> str:
        """Severity, code and name, as it is printed before the message."""
        return f"{self.severity}[{self.code} {self.check or self.name}]"

    def lines(self) -> list[str]:
        """Return place, label and message, the line with its underlined part, and the remedy."""
        return self.problem.lines(self.label)

    def in_a_line(self) -> str:
        """Return place, label, message and remedy in one line."""
        return self.problem.in_a_line(self.label)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values. `line` and `column` count from 1; 0 means the file as a whole."""
        place = self.problem.place
        return {
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "code": self.code,
            "name": self.name,
            "check": self.check,
            "severity": str(self.severity),
            "message": self.problem.message,
            "remedy": self.problem.remedy,
        }
