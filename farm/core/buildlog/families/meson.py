"""meson's own errors. Its plain `ERROR: ` counts only in its own output, or where it names the file that meson reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_TEXT

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

_BEGINS = re.compile(r"^The Meson build system")
_ENDS = re.compile(r"^Found ninja|^ninja: |^A full log can be found at|^Installing ")
_ERROR = re.compile(r"^(?:\S*meson(?:\.build|_options\.txt|\.options)?:\d+:\d+: |\S+:\d+:\d+: )?ERROR: (?P<what>.*)")
_FILE = re.compile(r"\bmeson(?:\.build|_options\.txt|\.options)\b")
_SUBJECTS = (
    (ErrorKind.MISSING_PACKAGE, re.compile(r"^(?:Native d|D)ependency [\"'](?P<subject>[^\"']+)[\"'].* not found|^Dependency lookup for (?P<name>\S+) ")),
    (ErrorKind.MISSING_PACKAGE, re.compile(r"^Dependency [\"'](?P<subject>[^\"']+)[\"'] is required but not found")),
    (ErrorKind.MISSING_PROGRAM, re.compile(r"^Program [\"'](?P<subject>[^\"']+)[\"'].* not found")),
    (ErrorKind.MISSING_LIBRARY, re.compile(r"library [\"'](?P<subject>[^\"']+)[\"'] not found")),
    (ErrorKind.MISSING_HEADER, re.compile(r"header [\"'](?P<subject>[^\"']+)[\"'] not found")),
    (ErrorKind.MISSING_MODULE, re.compile(r"^\S+ is missing modules: (?P<subject>[\w.-]+)")),
    (ErrorKind.MISSING_FILE, re.compile(r"^File (?P<subject>\S+) does not exist")),
)  # fmt: skip


class Meson:
    """Errors of `meson setup`."""

    def __init__(self) -> None:
        self.is_open = False
        self._runs = False

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line."""
        if _BEGINS.search(line.text):
            self._runs = True
            return None
        if self._runs and _ENDS.search(line.text):
            self._runs = False
            return Sign.FAILED if line.text.startswith("A full log") else None
        found = _ERROR.search(line.text)
        if found is None:
            return None
        if not (self._runs or found.start("what") > len("ERROR: ") or _FILE.search(found["what"])):
            return None
        kind, subject = ErrorKind.MESON, ""
        for missing, pattern in _SUBJECTS:
            if match := pattern.search(found["what"]):
                kind, subject = missing, match[1] or match[2]
                break
        return Candidate(line, kind, Strength.CERTAIN, line.text.strip()[:LONGEST_TEXT], subject)
