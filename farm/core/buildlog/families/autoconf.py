"""`configure: error:`, and what the step driver shows of `config.log`: the output of the check that the error is about."""

from __future__ import annotations

import re
from collections import deque

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.configure_checks import CHECKING, FailedChecks
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.families.compilers import Compilers
from farm.core.buildlog.families.linkers import Linkers
from farm.core.buildlog.families.missing import Missing
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.rule import LONGEST_TEXT

_ERROR = re.compile(r"^(?:configure|config\.status): error: (?P<what>.*)")
_WHERE = re.compile(r"^in [`'‘].*['’]:$")
_OF_OTHERS = re.compile(r"configure failed for |^(?:autoreconf|autom4te): (?:error: )?\S+ failed with exit status")
_TOOLS = re.compile(
    r"^(?:(?:configure\.(?:ac|in)|aclocal\.m4|(?:\S+/)?Makefile\.am|\S+\.m4):\d+: (?:error|fatal error): "
    r"|(?:aclocal|automake|autoconf|autoheader|libtoolize|autopoint|autom4te|m4)(?:-[\d.]+)?: error: )"
)
_MACRO = re.compile(r"configure: line \d+: syntax error near unexpected token [`'](?P<token>[^']*)'")
_NAMED = (
    (ErrorKind.MISSING_PACKAGE, re.compile(r"No package '(?P<subject>[^']+)' found|^Package '(?P<other>[^']+)'.* not found")),
    (ErrorKind.MISSING_FILE, re.compile(r"^cannot find input file: [`'‘](?P<subject>[^'’]+)")),
    (ErrorKind.MISSING_PROGRAM, re.compile(r"^no acceptable (?:C compiler|C\+\+ compiler) found")),
    (ErrorKind.MISSING_HEADER, re.compile(r"^(?>.*?(?:^|\s|<)(?P<subject>[\w/.+-]+\.h)>?\b).*?(?:not found|missing|required|needed)")),
)  # fmt: skip
_DRIVER = re.compile(r"^\S*config\.log:\d+: (?P<said>.*)")
_SAID = re.compile(r"^configure:(?P<number>\d{1,9}): (?P<what>.*)")
_NO_COMMAND = ("checking", "result", "error", "found ")
_STATUS = re.compile(r"^\$\? = (?P<status>\d+)")
_MOST_LINES = 12
_MOST_OUTPUT = 200
"""The last lines of a command of configure's that are kept."""


class Autoconf:
    """Errors of configure scripts, and of the programs that make these."""

    def __init__(self) -> None:
        self._error: Candidate | None = None
        self._lines = 0
        self._output: deque[str] = deque(maxlen=_MOST_OUTPUT)
        self._checks = FailedChecks()

    @property
    def is_open(self) -> bool:
        """Whether the text of an error goes on, or the driver may show more of it."""
        return self._error is not None

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line."""
        if line.driver:
            self._look_into(line)
            return None
        if line.text.startswith(CHECKING):
            self._checks.printed(line.text)
            return Sign.COMMAND
        if _OF_OTHERS.search(line.text):
            return Sign.FAILED
        if found := _ERROR.search(line.text):
            return self._begin(line, found["what"])
        if _TOOLS.search(line.text) or _MACRO.search(line.text):
            return Candidate(line, ErrorKind.CONFIGURE, Strength.CERTAIN, line.text.strip()[:LONGEST_TEXT])
        if self._error is not None and self._lines < _MOST_LINES:
            self._lines += 1
            if not line.text.startswith("See "):
                self._name(line.text)
        return None

    def _begin(self, line: LogLine, what: str) -> Candidate | None:
        if _WHERE.search(what):
            return None
        text = line.text.strip()[:LONGEST_TEXT]
        self._error = Candidate(line, ErrorKind.CONFIGURE, Strength.CERTAIN, text)
        self._lines = 0
        self._name(what)
        return self._error

    def _name(self, text: str) -> None:
        error = self._error
        if error is None or error.kind is not ErrorKind.CONFIGURE:
            return
        for kind, pattern in _NAMED:
            if found := pattern.search(text):
                error.kind, error.subject = kind, next(filter(None, found.groups()), "")
                if text.strip() not in error.text:
                    error.detail = text.strip()[:LONGEST_TEXT]
                return

    def _look_into(self, line: LogLine) -> None:
        """Take a line of config.log: keep what each check's last failing command printed, and explain the error."""
        found = _DRIVER.search(line.text)
        if found is None or self._error is None:
            return
        text = found["said"]
        said = _SAID.match(text)
        if said is None:
            if text.strip() and not text.startswith(("configure:", "|", "##")):
                self._output.append(text.strip())
            return
        number, what = int(said["number"]), said["what"]
        if status := _STATUS.match(what):
            self._checks.ran(number, *(self._read(line) if status["status"] != "0" else ("", None)))
            self._output.clear()
        elif what.startswith("error: "):
            self._explain(self._error, number)
        elif what.startswith(CHECKING):
            self._checks.begins(what.removeprefix(CHECKING))
        elif what.startswith("result: "):
            self._checks.resulted(number)
        elif not what.startswith(_NO_COMMAND):
            self._output.clear()

    def _read(self, line: LogLine) -> tuple[str, tuple[ErrorKind, str] | None]:
        """Return the line of a failed command's output that says why it failed, and what is missing, if it says that."""
        readers = (Missing(), Linkers(), Compilers())
        for text in self._output:
            for reader in readers:
                read = reader.see(LogLine(line.number, line.step, text))
                if isinstance(read, Candidate):
                    return text[:LONGEST_TEXT], (read.kind, read.subject) if read.subject else None
        return (self._output[0][:LONGEST_TEXT] if self._output else ""), None

    def _explain(self, error: Candidate, number: int) -> None:
        """Give the error the line of the check that it is about. Doubt it if others failed, and it names nothing."""
        check, others = self._checks.cause_of(error.text.removeprefix("configure: error: "), number)
        if check is None:
            error.is_doubtful = others and error.kind is ErrorKind.CONFIGURE
            return
        error.is_doubtful = False
        if check.missing or not error.detail:
            error.detail = check.detail
        if error.kind is ErrorKind.CONFIGURE and check.missing:
            error.kind, error.subject = check.missing
