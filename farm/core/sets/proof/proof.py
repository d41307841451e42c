"""The proof of a set, as a value: what is wrong with it, what is worth knowing, and what has been looked at."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from farm.core.sets.members.search_path import HWCAPS, level_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.package.elf.facts import ElfFacts
    from farm.core.sets.findings.note import Note
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member


NOTHING_FOUND = "all that a proof looks at fits together"
"""What is said of a set that holds where its proof is not at hand, and so not its scope."""

_PROVEN = {
    "libraries": ("needed library", "needed libraries"),
    "symbols": ("symbol", "symbols"),
    "copies": ("copied variable", "copied variables"),
    "interpreters": ("interpreter", "interpreters"),
    "modules": ("pkg-config module", "pkg-config modules"),
    "module_versions": ("version that a module asks for", "versions that modules ask for"),
    "distributions": ("Python distribution", "Python distributions"),
    "paths": ("path", "paths"),
}
_NOT_JUDGED = {
    "old_packages": (
        "package whose facts are of an older farm: copied variables, classes, links, modules",
        "packages whose facts are of an older farm: copied variables, classes, links, modules",
    ),
}
_NOT_LOOKED_AT = {
    "unopened": ("library that no loader looks for", "libraries that no loader looks for"),
    "unclassed": ("symbol whose class no file says", "symbols whose class no file says"),
    "weak": ("weak symbol", "weak symbols"),
    "called": ("command that a script calls", "commands that scripts call"),
    "unread": ("script that no shell runs", "scripts that no shell runs"),
}


@dataclass(frozen=True, slots=True)
class ProofScope:
    """How many of each kind, for which the tables above have the words. Of one member, or the sum over a set."""

    packages: int = 0
    libraries: int = 0
    symbols: int = 0
    copies: int = 0
    interpreters: int = 0
    modules: int = 0
    module_versions: int = 0
    distributions: int = 0
    paths: int = 0
    old_packages: int = 0
    unopened: int = 0
    unclassed: int = 0
    weak: int = 0
    called: int = 0
    unread: int = 0

    @classmethod
    def of(cls, member: Member) -> ProofScope:
        """Count what a proof looks at in one member."""
        facts = member.facts
        elf = [each.facts for each in facts.elf]
        strong = [group for each in elf for group in each.imported if not group.weak]
        return cls(
            packages=1,
            libraries=sum(len(each.needed) for each in elf),
            symbols=sum(len(group.names) for group in strong),
            copies=sum(len(each.details.copies) for each in elf if each.details),
            interpreters=sum(bool(each.interpreter) for each in elf) + len(facts.scripts),
            modules=sum(module.libraries is not None for module in facts.pkg_config),
            module_versions=sum(len(module.versions) for module in facts.pkg_config),
            distributions=len(facts.python or ()),
            paths=len(member.links),
            old_packages=facts.format == 1,
            unopened=sum(
                level_of(posixpath.dirname(path), each.machine) is None for path, each in facts.elf if HWCAPS in path
            ),
            unclassed=sum(map(_unclassed, elf)),
            weak=sum(len(group.names) for each in elf for group in each.imported if group.weak),
            called=len({command for script in facts.scripts for command in script.commands or ()}),
            unread=sum(script.commands is None for script in facts.scripts) if facts.format > 1 else 0,
        )

    def plus(self, other: ProofScope, sign: int = 1) -> ProofScope:
        """Return the sum of both, or with a `sign` of -1 the difference."""
        return ProofScope(*(getattr(self, field) + sign * getattr(other, field) for field in _FIELDS))

    @property
    def proven(self) -> str:
        """What has been found to fit, in words: `3 packages: 5 needed libraries, 812 symbols and 97 paths`."""
        return f"{_counted(self.packages, 'package', 'packages')}: {self._listed(_PROVEN) or 'nothing'}"

    @property
    def not_judged(self) -> str:
        """What could not be looked at, in words, or nothing."""
        return self._listed(_NOT_JUDGED)

    @property
    def not_looked_at(self) -> str:
        """What a proof does not look at, in words, or nothing."""
        return self._listed(_NOT_LOOKED_AT)

    @property
    def summary(self) -> str:
        """All of it in one line: that of a set that holds."""
        kinds = [kind for kind in _PROVEN if getattr(self, kind)]
        one = len(kinds) == 1 and getattr(self, kinds[0]) == 1
        parts = [f"{self.proven} {'fits' if one else 'fit'} together" if kinds else f"{self.proven} to prove"]
        if self.not_judged:
            parts.append(f"not judged: {self.not_judged}")
        if self.not_looked_at:
            parts.append(f"not looked at: {self.not_looked_at}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return {field.replace("_", "-"): getattr(self, field) for field in _FIELDS}

    def _listed(self, words: dict[str, tuple[str, str]]) -> str:
        told = [_counted(count, *words[kind]) for kind in words if (count := getattr(self, kind))]
        return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))


@dataclass(frozen=True, slots=True)
class CalledCommand:
    """A command that scripts of `packages` (labels) call, which is not proven; `provided`: one of them has it."""

    command: str
    packages: tuple[str, ...]
    provided: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"command": self.command, "packages": list(self.packages), "provided": self.provided}


def called_commands(members: Iterable[Member]) -> tuple[CalledCommand, ...]:
    """Return the commands that scripts of these members call, those first which none of them provides, then by name."""
    callers: defaultdict[str, set[str]] = defaultdict(set)
    provided: set[str] = set()
    for member in members:
        provided.update(member.provides)
        for script in member.facts.scripts:
            for command in script.commands or ():
                callers[command].add(member.label)
    called = [
        CalledCommand(command, tuple(sorted(labels)), f"command:{command}" in provided)
        for command, labels in callers.items()
    ]
    return tuple(sorted(called, key=lambda each: (each.provided, each.command)))


_FIELDS = tuple(field.name for field in fields(ProofScope))


def _unclassed(facts: ElfFacts) -> int:
    if facts.details is None:
        return 0
    return sum(len(group.names) for group in facts.imported if not group.weak and not group.symbol_class)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is wrong with a set, sorted by package; a set without problems is proven, as far as `scope` goes.

    `notes` are worth knowing and refuse nothing, sorted likewise.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    scope: ProofScope = field(default_factory=ProofScope)

    @property
    def holds(self) -> bool:
        """Whether the set may be released, as far as a proof can tell."""
        return not self.problems

    @property
    def summary(self) -> str:
        """What is said of a set that holds, in one line: what was looked at, and the first note of each kind."""
        kinds = Counter(note.code for note in self.notes)
        told = [next(note.message for note in self.notes if note.code == kind) for kind in kinds]
        more = [f" (and {count - 1:,} more like it)" if count > 1 else "" for count in kinds.values()]
        notes = [f"note: {message}{others}" for message, others in zip(told, more, strict=True)]
        return "; ".join([self.scope.summary, *notes])
