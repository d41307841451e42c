"""The owners of recipes: the file `OWNERS` of a tree, similar to CODEOWNERS.

Each line is a pattern and the people who own matching recipes; the last line that matches a name decides. That applies
to unused names, too: the owners of the pattern that matches a new name may add it. The answer depends only on the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from farm.core.files.document import Document
from farm.core.files.problems import quoted, suggestion
from farm.core.policy.curators import CURATORS, keys_by_person

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWNERS = "OWNERS"
MOST_LINES = 10_000
MOST_GLOBS = 1_000
"""The most patterns with a `*` or `?`: each is tried on each name, and a submission has up to 1,000 names."""
MOST_OWNERS = 100
"""The most people and groups of one line."""

_PATTERN = re.compile(r"[a-z0-9*?][a-z0-9+.*?-]{0,62}")
_WORDS = re.compile(r"\S+")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_GLOB = re.compile(r"[*?]")
_ALL = "*"


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """A line of the file: its pattern, the owners as written (`@curators`, `alice`), and their public keys by name."""

    pattern: str
    named: tuple[str, ...]
    people: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class Owners:
    """The lines of the file, in their order."""

    rules: tuple[OwnerRule, ...]
    _by_name: dict[str, OwnerRule] = field(init=False, repr=False, compare=False, default_factory=dict)
    _globs: list[OwnerRule] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        for rule in self.rules:
            if _GLOB.search(rule.pattern):
                self._globs.insert(0, rule)
            else:
                self._by_name[rule.pattern] = rule

    def rule_for(self, recipe: str) -> OwnerRule | None:
        """Return the line that decides about a recipe; None where none matches, so that nobody owns it."""
        own = self._by_name.get(recipe)
        glob = next((rule for rule in self._globs if fnmatchcase(recipe, rule.pattern)), None)
        return max((rule for rule in (own, glob) if rule is not None), key=lambda rule: rule.line, default=None)

    def owners_of(self, recipe: str) -> Mapping[str, str]:
        """Return the public keys (64 hexadecimal digits) of the owners of a recipe, by name."""
        rule = self.rule_for(recipe)
        return rule.people if rule is not None else {}


def read_owners(text: bytes, curators: Mapping[str, Mapping[str, str]], file: str = OWNERS) -> Owners:
    """Read `OWNERS`; `curators` are the public keys of people, by name, by group. Raises `RecipeError`."""
    document = Document(text, file)
    lines = document.decoded(text, "Use patterns.").split("\n")
    if len(lines) > MOST_LINES:
        document.refuse(f"the file has {len(lines)} lines, and {MOST_LINES} is the most", "Use patterns.")
    rules = tuple(_rules(document, lines, curators))
    _check_order(document, rules)
    return document.finished(Owners(rules))


def _rules(document: Document, lines: list[str], curators: Mapping[str, Mapping[str, str]]) -> Iterator[OwnerRule]:
    people = keys_by_person(curators)
    for number, line in enumerate(lines, 1):
        words = [(match[0], match.start() + 1) for match in _WORDS.finditer(_COMMENT.sub("", line))]
        if not words:
            continue
        (pattern, column), *owners = words
        if not _PATTERN.fullmatch(pattern):
            message = f"{quoted(pattern)} is not a pattern of recipe names"
            document.report_at(number, column, message, "Use a-z 0-9 + . - and * or ?.", length=len(pattern))
        if not owners:
            message = f"the line of {quoted(pattern)} names no owner"
            document.report_at(number, column, message, "Name a @group or a person.", length=len(pattern))
        if len(owners) > MOST_OWNERS:
            document.report_at(number, column, f"{len(owners)} owners, and {MOST_OWNERS} is the most", "Name a group.")
            continue
        keys: dict[str, str] = {}
        for owner, place in owners:
            for who, key in _keys(document, owner, (number, place), curators, people):
                if keys.setdefault(who, key) != key:
                    _report_keys(document, who, owner, (number, place))
        yield OwnerRule(pattern, tuple(owner for owner, _ in owners), keys, number)


def _keys(
    document: Document,
    owner: str,
    place: tuple[int, int],
    curators: Mapping[str, Mapping[str, str]],
    people: Mapping[str, frozenset[str]],
) -> Iterator[tuple[str, str]]:
    """Yield the people whom a word of a line names, with their keys; reports invalid words."""
    if owner.startswith("@"):
        members, known = curators.get(owner[1:]), [f"@{group}" for group in curators]
        if members is None:
            remedy = suggestion(owner, known) or f"Name the group in {CURATORS}."
            document.report_at(*place, f"there is no group {quoted(owner)}", remedy, length=len(owner))
        elif not members:
            document.report_at(*place, f"nobody is in the group {owner}", f"See {CURATORS}.", length=len(owner))
        yield from (members or {}).items()
        return
    keys = people.get(owner, frozenset())
    if not keys:
        remedy = f"Groups are written @{owner}." if owner in curators else suggestion(owner, people)
        message = f"{CURATORS} names nobody {quoted(owner)}"
        document.report_at(*place, message, remedy or f"Put the person and key into {CURATORS}.", length=len(owner))
    elif len(keys) > 1:
        _report_keys(document, owner, owner, place)
    yield from ((owner, key) for key in sorted(keys)[:1])


def _report_keys(document: Document, who: str, written: str, place: tuple[int, int]) -> None:
    message = f"{who} has another key in another group of {CURATORS}"
    document.report_at(*place, message, "Give each person one key.", length=len(written))


def _check_order(document: Document, rules: tuple[OwnerRule, ...]) -> None:
    """Report lines that a later one always overrides, which is seldom meant, and too many patterns."""
    last = {rule.pattern: rule for rule in rules}
    for rule in rules:
        for later in (last[rule.pattern], last.get(_ALL)):
            if later is not None and later.line > rule.line:
                message = f"this line never decides: line {later.line} ({later.pattern}) comes after it"
                remedy = "The last line that matches counts: put the general ones first."
                document.report_at(rule.line, 1, message, remedy, length=len(rule.pattern))
                break
    globs = [rule for rule in rules if _GLOB.search(rule.pattern)]
    if len(globs) > MOST_GLOBS:
        message = f"{len(globs)} patterns with * or ?, and {MOST_GLOBS} is the most"
        document.report_at(globs[MOST_GLOBS].line, 1, message, "Write names, or fewer patterns.")
