"""Rules: families of errors that are recognized by single lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from farm.core.buildlog.candidate import Candidate, Sign, Strength

if TYPE_CHECKING:
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.buildlog.log_line import LogLine

LONGEST_TEXT = 500
LONGEST_SUBJECT = 200


class Rule(NamedTuple):
    """A form of a line that is an error. The group `subject` of its pattern is what the error is about."""

    kind: ErrorKind
    pattern: re.Pattern[str]
    strength: Strength = Strength.CERTAIN


def rule(kind: ErrorKind, pattern: str, strength: Strength = Strength.CERTAIN) -> Rule:
    """Return the rule of a pattern, which is searched for anywhere in a line."""
    return Rule(kind, re.compile(pattern), strength)


class RuleFamily:
    """Recognizes errors by `rules`, and signs of errors elsewhere by `signs`: the first that matches counts."""

    is_open = False
    rules: tuple[Rule, ...] = ()
    signs: tuple[tuple[Sign, re.Pattern[str]], ...] = ()

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line."""
        for sign, pattern in self.signs:
            if pattern.search(line.text):
                return sign
        for one in self.rules:
            if found := one.pattern.search(line.text):
                return candidate(line, one, found)
        return None


def candidate(line: LogLine, one: Rule, found: re.Match[str]) -> Candidate:
    """Return the candidate that a rule found."""
    subject = (found.groupdict().get("subject") or "")[:LONGEST_SUBJECT]
    return Candidate(line, one.kind, one.strength, line.text.strip()[:LONGEST_TEXT], subject)
