"""Lines in no known form that call themselves an error. They count right before the failure, if they begin with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_TEXT

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

SAYS_ERROR = re.compile(r"(?:^|[\s:*\[(])(?:fatal |internal )?error\b\s*(?:\[[^\]]*\]|\])?:", re.IGNORECASE)
_BEGINS_WITH_ERROR = re.compile(r"^(?:[\w./+-]+: )?(?:fatal )?(?:error|Error|ERROR): \S")
_SAYS_FAILURE = re.compile(
    r"^\s*(?:\*+ )?(?:fatal|abort(?:ed|ing)|error|failed|failure)\b|\b(?:not found|failed|aborting|cannot|unable to)\b",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"^\s*(?:\+ )?(?:\S*/)?[\w.+-]+ -{1,2}\w")
_NOT_A_GIT = "fatal: not a git repository"


class Hints:
    """Anything that mentions an error or a failure, but for commands that are echoed."""

    is_open = False

    def see(self, line: LogLine) -> Candidate | None:
        """Take the next line."""
        text = line.text
        if _COMMAND.search(text) or text.startswith(_NOT_A_GIT):
            return None
        if _BEGINS_WITH_ERROR.search(text):
            return Candidate(line, ErrorKind.COMMAND, Strength.MESSAGE, text.strip()[:LONGEST_TEXT])
        if SAYS_ERROR.search(text) or _SAYS_FAILURE.search(text):
            return Candidate(line, ErrorKind.UNKNOWN, Strength.HINT, text.strip()[:LONGEST_TEXT])
        return None
