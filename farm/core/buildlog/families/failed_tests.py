"""Failed tests, as the programs that run tests report them; and passed ones, whose output is no error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_SUBJECT, LONGEST_TEXT, RuleFamily, rule

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

_SECTION = re.compile(r"^=+ (?P<name>FAILURES|ERRORS|short test summary info|[^=]+) =+$")
_TEST = re.compile(r"^_{2,} (?:ERROR (?:at \w+ of|collecting) )?(?P<subject>\S.*?) _{2,}$")


class FailedTests(RuleFamily):
    """automake, ctest, meson, pytest, unittest, TAP and prove, go, cargo, GoogleTest, Check; and failed assertions."""

    signs = (
        (Sign.PASSED, re.compile(r"^(?:PASS|XFAIL|SKIP|UNSUPPORTED|ok)(?:: | {2}\s*\S| \d+\b)")),
        (Sign.PASSED, re.compile(r"^\s*\d+/\d+ Test\s+#\d+: .*(?:Passed|Skipped)\b|^test \S+ \.\.\. (?:ok|ignored)$")),
        (Sign.PASSED, re.compile(r"^\s*\d+/\d+ .*\s(?:OK|SKIP|EXPECTEDFAIL)\s+[\d.]+ ?s\b|^--- (?:PASS|SKIP): |^\[ {7}OK \]")),
        (Sign.PASSED, re.compile(r"^\S+ \.{2,} ok$")),
        (Sign.FAILED, re.compile(r"^The following tests FAILED:|^Result: FAIL|^FAIL(?:\t|$)|^test result: FAILED")),
    )  # fmt: skip
    rules = (
        rule(ErrorKind.TEST, r"^(?:FAIL|XPASS): (?P<subject>[^\d\s].*|\d+\D.*)"),
        rule(ErrorKind.TEST, r"^ERROR: (?P<subject>[\w./-]+)(?: - .*| \(.*| exit status.*)?$"),
        rule(ErrorKind.TEST, r"^\s*\d+/\d+ Test\s+#\d+: (?P<subject>\S+) \.*.*\*\*\*"),
        rule(
            ErrorKind.TEST,
            r"^\s*\d+/\d+ (?P<subject>\S.*?)(?<!\s)\s+(?:FAIL|ERROR|TIMEOUT|UNEXPECTEDPASS)\s+[\d.]+ ?s\b",
        ),
        rule(ErrorKind.TEST, r"^(?:FAILED|ERROR) (?P<subject>\S+\.py(?:::\S+)?)"),
        rule(ErrorKind.TEST, r"^\s*not ok \d++(?!.*#\s*(?i:todo|skip))(?: -)?(?: (?P<subject>.*))?$"),
        rule(ErrorKind.TEST, r"^#\s+Failed test (?:'(?P<subject>.*)'|at )"),
        rule(ErrorKind.TEST, r"^(?P<subject>\S+) \.{2,} (?:Failed|Dubious)"),
        rule(ErrorKind.TEST, r"^\s*--- FAIL: (?P<subject>\S+)"),
        rule(ErrorKind.TEST, r"^test (?P<subject>\S+) \.\.\. FAILED$"),
        rule(ErrorKind.TEST, r"^\S+:\d+: Failure$|^\[  FAILED  \] (?P<subject>\S+)"),
        rule(ErrorKind.TEST, r"^\S+:\d+:[FE]:[^:]+:(?P<subject>[^:]+):\d+: "),
        rule(ErrorKind.TEST, r"[Aa]ssertion [`'‘\"]?.*['’\"]? failed\b", Strength.MESSAGE),
        rule(ErrorKind.TEST, r"^thread '(?P<subject>[^']+)' .*panicked at |^panic: ", Strength.MESSAGE),
    )

    def __init__(self) -> None:
        self._section = ""
        self._test = ""

    @property
    def is_open(self) -> bool:  # type: ignore[override]
        """Whether pytest shows failures, so that a line of any words may be one."""
        return bool(self._section)

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line. In pytest's sections of failures, lines that begin with E are what is wrong."""
        if section := _SECTION.search(line.text):
            self._section = section["name"] if section["name"] in ("FAILURES", "ERRORS") else ""
            return None
        if self._section:
            if test := _TEST.search(line.text):
                self._test = test["subject"][:LONGEST_SUBJECT]
            elif line.text.startswith("E  "):
                text = line.text[1:].strip()[:LONGEST_TEXT]
                return Candidate(line, ErrorKind.TEST, Strength.CERTAIN, text, self._test)
            return None
        return super().see(line)
