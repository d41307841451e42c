"""`CMake Error`: a line that says where, and the indented lines below that say what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_TEXT

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

# Of a file that cannot be parsed no command is named.
_BEGINS = re.compile(r"^CMake (?:Deprecation )?Error(?: \(dev\))?(?: at \S+:\d+(?: \(\w+\))?:| in \S+:|: )")
_INCOMPLETE = re.compile(r"^-- Configuring incomplete, errors occurred|^CMake Generate step failed")
_COMPILER = re.compile(r"\berror: |: not found|: No such file")
_SUBJECTS = (
    (ErrorKind.MISSING_PACKAGE, re.compile(r"Could NOT find (?P<subject>[\w+.-]+)")),
    (ErrorKind.MISSING_PACKAGE, re.compile(r"provided by \"(?P<subject>[^\"]+)\"")),
    (ErrorKind.MISSING_PACKAGE, re.compile(r"^The following required packages were not found:\s+- (?P<subject>[^\s<>=]+)")),
    (ErrorKind.MISSING_PROGRAM, re.compile(r"unable to find a build program corresponding to \"(?P<subject>[^\"]+)\"")),
    (ErrorKind.MISSING_FILE, re.compile(r"(?:include|source|list) could not find (?:the )?requested file:\s+(?P<subject>\S+)")),
    (ErrorKind.MISSING_FILE, re.compile(r"Cannot find source file:\s+(?P<subject>\S+)")),
    (ErrorKind.MISSING_FILE, re.compile(r"file INSTALL cannot find \"(?P<subject>[^\"]+)\"")),
)  # fmt: skip
_MOST_LINES = 60


class CMake:
    """Errors of CMake while it configures, generates or installs."""

    def __init__(self) -> None:
        self._error: Candidate | None = None
        self._lines = 0

    @property
    def is_open(self) -> bool:
        """Whether the text of an error goes on."""
        return self._error is not None

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line."""
        if _BEGINS.search(line.text):
            self._error = Candidate(line, ErrorKind.CMAKE, Strength.CERTAIN, line.text.strip()[:LONGEST_TEXT])
            self._lines = 0
            self._name()
            return self._error
        if _INCOMPLETE.search(line.text):
            self._error = None
            return Sign.FAILED
        if self._error is not None:
            self._go_on(self._error, line.text)
        return None

    def _go_on(self, error: Candidate, text: str) -> None:
        self._lines += 1
        if (text and not text.startswith(" ")) or self._lines > _MOST_LINES:
            self._error = None
            return
        said = text.strip()
        if said == "Call Stack (most recent call first):":
            self._error = None
        elif said and len(error.text) + len(said) < LONGEST_TEXT and self._lines <= 8:
            error.text = f"{error.text} {said}"
            self._name()
        if not error.detail and _COMPILER.search(said) and self._lines > 1:
            error.detail = said[:LONGEST_TEXT]

    def _name(self) -> None:
        error = self._error
        if error is None or error.subject:
            return
        for kind, pattern in _SUBJECTS:
            if found := pattern.search(error.text):
                error.kind, error.subject = kind, found["subject"]
                return
