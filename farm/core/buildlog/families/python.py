"""Tracebacks of Python: the error is the line after the frames. And what pip and its kin say."""

from __future__ import annotations

import re

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.families.limits import Limits
from farm.core.buildlog.families.networks import Networks
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.rule import LONGEST_TEXT

_BEGINS = re.compile(r"^(?P<indent>[\s|]*+)(?:\S+: )?Traceback \(most recent call last\):$")
_CHAINED = re.compile(
    r"^\s*(?:During handling of the above exception, another|The above exception was the direct cause of)"
)
_EXCEPTION = re.compile(r"^[\w.]+(?:Error|Exception|Exit|Interrupt|Warning|Failure|NotFound)?\b(?::|$)")
_SYNTAX = re.compile(r"^\s*(?:SyntaxError|IndentationError|TabError): ")
_FILE = re.compile(r'^\s*File "[^"]+", line \d+')
_SUBJECTS = (
    (ErrorKind.MISSING_MODULE, re.compile(r"^ModuleNotFoundError: No module named '(?P<subject>[^']+)'")),
    (ErrorKind.MISSING_FILE, re.compile(r"^FileNotFoundError: \[Errno 2\] No such file or directory: b?'(?P<subject>[^']+)'")),
    (ErrorKind.PERMISSION, re.compile(r"^PermissionError: ")),
    (ErrorKind.MISSING_PACKAGE, re.compile(r"DistributionNotFound: .*'(?P<subject>[\w.-]+)[^']*' distribution was not found")),
)  # fmt: skip
_PIP = re.compile(r"^\s*(?:ERROR|error): (?:subprocess-exited-with-error|Failed building wheel|Failed to build)")
_NOT_FOUND = re.compile(
    r"^\s*(?:ERROR: (?:Could not find a version that satisfies the requirement |No matching distribution found for )"
    r"|ERROR Missing dependencies:)(?P<subject>[\w.-]*)"
)
_MOST_FRAMES = 400


class Python:
    """Errors of the interpreter itself. An exception's chain ends with the one that the program ended with."""

    def __init__(self) -> None:
        self._indent: str | None = None
        self._frames = 0
        self._last: Candidate | None = None
        self._chained = False
        self._after_file = False

    @property
    def is_open(self) -> bool:
        """Whether a traceback goes on, or an exception may be part of a chain."""
        return self._indent is not None or self._last is not None or self._after_file

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line."""
        if found := _BEGINS.search(line.text):
            self._indent, self._frames = found["indent"], 0
            return None
        if self._indent is not None:
            return self._frame(line, self._indent)
        if self._last is not None and line.text.strip():
            self._chained = bool(_CHAINED.search(line.text))
            if not self._chained:
                self._last = None
        if self._after_file and _SYNTAX.search(line.text):
            self._after_file = False
            return Candidate(line, ErrorKind.PYTHON, Strength.CERTAIN, line.text.strip()[:LONGEST_TEXT], is_last=True)
        if _FILE.search(line.text):
            self._after_file = True
        elif not line.text.startswith(" "):
            self._after_file = False
        if _PIP.search(line.text):
            return Sign.FAILED
        if found := _NOT_FOUND.search(line.text):
            text = line.text.strip()[:LONGEST_TEXT]
            return Candidate(line, ErrorKind.MISSING_PACKAGE, Strength.CERTAIN, text, found["subject"])
        return None

    def _frame(self, line: LogLine, indent: str) -> Candidate | None:
        rest = line.text.removeprefix(indent)
        self._frames += 1
        if self._frames > _MOST_FRAMES:
            self._indent = None
            return None
        if not rest or rest.startswith((" ", "\t", "[Previous line")) or not _EXCEPTION.search(rest):
            return None
        self._indent = None
        kind, subject = _kind_of(rest, line)
        if self._last is not None and self._chained:
            # The same error, reported again by who caught it: what the program ended with counts.
            last = self._last
            last.line, last.kind, last.text, last.subject = line, kind, rest[:LONGEST_TEXT], subject
            self._chained = False
            return None
        self._last = Candidate(line, kind, Strength.CERTAIN, rest[:LONGEST_TEXT], subject, is_last=True)
        self._chained = False
        return self._last


def _kind_of(text: str, line: LogLine) -> tuple[ErrorKind, str]:
    for kind, pattern in _SUBJECTS:
        if found := pattern.search(text):
            return kind, found.groupdict().get("subject") or ""
    for family in (Networks(), Limits()):
        found_elsewhere = family.see(LogLine(line.number, line.step, text))
        if isinstance(found_elsewhere, Candidate):
            return found_elsewhere.kind, found_elsewhere.subject
    return ErrorKind.PYTHON, ""
