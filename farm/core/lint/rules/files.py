"""Rules about whole files, and about allowing what rules report."""

from __future__ import annotations

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Rule

_GOOD = "lint:\n  - {allow: D101, reason: The band is called so}\nsummary: The The, as text\n"

INVALID = Rule(
    "F001",
    "invalid-file",
    Severity.ERROR,
    "The file is not what it has to be: an unknown key, a value of the wrong kind, a name that does not exist. The "
    "message says what. No farm accepts it.",
    "sumary: Program that greets\n",
    "summary: Program that greets\n",
    allowable=False,
)
OUTDATED = Rule(
    "F002",
    "outdated",
    Severity.WARNING,
    "The next release of farm no longer reads this spelling.",
    "steps:\n  - licence: {files: [COPYING]}\n",
    "steps:\n  - license: {files: [COPYING]}\n",
    allowable=False,
)
UNUSED = Rule(
    "A101",
    "unused-allowance",
    Severity.WARNING,
    "The recipe allows what no rule reports any more. An allowance that stays would hide the next such mistake.",
    "lint:\n  - {allow: D101, reason: The band is called so}\nsummary: Program that greets\n",
    _GOOD,
    allowable=False,
)
UNKNOWN = Rule(
    "A102",
    "unknown-allowance",
    Severity.ERROR,
    "The recipe allows something that is no rule, or a rule that no recipe can allow.",
    "lint:\n  - {allow: S102, reason: It is fetched by hand}\n",
    _GOOD,
    allowable=False,
)

RULES = (INVALID, OUTDATED, UNUSED, UNKNOWN)
