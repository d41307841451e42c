"""Rules about tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.lint.written import WrittenRecipe
    from farm.core.recipe.recipe import Test

_ASKS = frozenset(("--version", "-version", "-V", "-v", "version", "--help", "-help", "-h", "help"))
# One command, possibly with its output thrown away or searched for a word.
_ONE_COMMAND = re.compile(r"[^;&|\n<>`$]++(?:2?>&?[^\s;&|<>]++|\|\s*grep\s[^;&|\n]++|\|\s*head\b[^;&|\n]*+|\s)*+")
_ENDS_COMMAND = re.compile(r"2?>|\|")
_LONGEST_QUESTION = 200


def _no_tests(written: WrittenRecipe) -> Iterator[Remark]:
    if not written.recipe.tests:
        where = written.at("tests") if written.has("tests") else written.at("name")
        yield Remark(where, "the recipe has no tests", "Add tests that use what it makes as its users would.")


def _only_version(written: WrittenRecipe) -> Iterator[Remark]:
    tests = written.recipe.tests
    if tests and all(_asks_for_version(test) for test in tests):
        message = "the tests only ask programs for their version or help"
        yield Remark(written.at("tests"), message, "Add one that does what the software is for, and checks the result.")


def _asks_for_version(test: Test) -> bool:
    if test.command:
        return len(test.command) == 2 and test.command[1] in _ASKS
    lines = [line.strip() for line in test.run.splitlines() if line.strip() and not line.strip().startswith("#")]
    return all(_is_question(line) for line in lines)


def _is_question(line: str) -> bool:
    if len(line) > _LONGEST_QUESTION or not _ONE_COMMAND.fullmatch(line):
        return False
    words = _ENDS_COMMAND.split(line, maxsplit=1)[0].split()
    return len(words) == 2 and words[1] in _ASKS


RULES = (
    Rule(
        "T101",
        "no-tests",
        Severity.WARNING,
        "Tests decide whether a build is released, and whether a change of a dependency breaks it.",
        "tests: []\n",
        "tests:\n  - command: [hello]\n    prints: Hello, world.\n",
        _no_tests,
        reads=("tests",),
    ),
    Rule(
        "T102",
        "only-version-tests",
        Severity.WARNING,
        "A program that prints its version has been linked, and no more is known of it.",
        'tests:\n  - command: [hello, --version]\n    matches: "1.0"\n',
        'tests:\n  - command: [hello, --version]\n    matches: "1.0"\n'
        "  - command: [hello, farm]\n    prints: Hello, farm.\n",
        _only_version,
        reads=("tests",),
    ),
)
