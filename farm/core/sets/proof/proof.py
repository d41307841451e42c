"""The proof of a set, as a value: what is wrong with it, what is worth knowing, and what the proof covers.

It never says "safe". "Proven" was checked completely; "not judged" could not be checked, because old facts do not have
it; "not looked at" cannot be proven from files.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING

from farm.core.names.form import Form
from farm.core.names.wording import counted
from farm.core.sets.members.search_path import HWCAPS, level_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.package.elf.facts import ElfFacts
    from farm.core.sets.findings.note import Note
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member


NOTHING_FOUND = "all that a proof looks at fits together"
"""The summary of a set that holds, where its proof, and so its scope, is not at hand."""

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
class ProofScope(Form, record="scope of a proof"):
    """How many things of each kind a proof covers, in one member or a whole set; the tables above have the words."""

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
        """Count what a proof covers in one member."""
        facts = member.facts
        elf = [file.facts for file in facts.elf]
        imported = [group for file in elf for group in file.imported]
        return cls(
            packages=1,
            libraries=sum(len(file.needed) for file in elf),
            symbols=sum(len(group.names) for group in imported if not group.weak),
            copies=sum(len(file.details.copies) for file in elf if file.details),
            interpreters=sum(bool(file.interpreter) for file in elf) + len(facts.scripts),
            modules=sum(module.libraries is not None for module in facts.pkg_config),
            module_versions=sum(len(module.versions) for module in facts.pkg_config),
            distributions=len(facts.python or ()),
            paths=len(member.links),
            old_packages=facts.format == 1,
            unopened=sum(
                level_of(posixpath.dirname(path), file.machine) is None for path, file in facts.elf if HWCAPS in path
            ),
            unclassed=sum(map(_unclassed, elf)),
            weak=sum(len(group.names) for group in imported if group.weak),
            called=len({command for script in facts.scripts for command in script.commands or ()}),
            unread=sum(script.commands is None for script in facts.scripts) if facts.format > 1 else 0,
        )

    def plus(self, other: ProofScope, sign: int = 1) -> ProofScope:
        """Return the sum of both scopes, or their difference with a `sign` of -1."""
        return ProofScope(*(getattr(self, field) + sign * getattr(other, field) for field in _FIELDS))

    @property
    def proven(self) -> str:
        """What was proven, in words: `3 packages: 5 needed libraries, 812 symbols and 97 paths`."""
        return f"{counted(self.packages, 'package', 'packages')}: {self._listed(_PROVEN) or 'nothing'}"

    @property
    def not_judged(self) -> str:
        """What could not be checked, in words, or nothing."""
        return self._listed(_NOT_JUDGED)

    @property
    def not_looked_at(self) -> str:
        """What a proof does not cover, in words, or nothing."""
        return self._listed(_NOT_LOOKED_AT)

    @property
    def summary(self) -> str:
        """The scope in one line, for a set that holds."""
        kinds = [kind for kind in _PROVEN if getattr(self, kind)]
        one = len(kinds) == 1 and getattr(self, kinds[0]) == 1
        parts = [f"{self.proven} {'fits' if one else 'fit'} together" if kinds else f"{self.proven} to prove"]
        if self.not_judged:
            parts.append(f"not judged: {self.not_judged}")
        if self.not_looked_at:
            parts.append(f"not looked at: {self.not_looked_at}")
        return "; ".join(parts)

    def _listed(self, words: dict[str, tuple[str, str]]) -> str:
        counts = [counted(count, *words[kind]) for kind in words if (count := getattr(self, kind))]
        return " and ".join(filter(None, [", ".join(counts[:-1]), *counts[-1:]]))


@dataclass(frozen=True, slots=True)
class CalledCommand(Form, record="called command"):
    """A command that scripts of `packages` (labels) call, which is not proven; `provided`: one of the set has it."""

    command: str
    packages: tuple[str, ...]
    provided: bool


def called_commands(members: Iterable[Member]) -> tuple[CalledCommand, ...]:
    """Return the commands that scripts of these members call, first those that none provides, by name."""
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
    return tuple(sorted(called, key=attrgetter("provided", "command")))


_FIELDS = tuple(field.name for field in fields(ProofScope))


def _unclassed(facts: ElfFacts) -> int:
    if facts.details is None:
        return 0
    return sum(len(group.names) for group in facts.imported if not group.weak and not group.symbol_class)


@dataclass(frozen=True, slots=True)
class Proof:
    """The problems of a set, sorted by package; a set without problems is proven, within `scope`.

    `notes` are worth knowing and refuse nothing, sorted likewise.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    scope: ProofScope = field(default_factory=ProofScope)

    @property
    def holds(self) -> bool:
        """Whether the set has no problems, and so may be released."""
        return not self.problems

    @property
    def summary(self) -> str:
        """The summary of a set that holds, in one line: the scope, and the first note of each kind."""
        kinds = Counter(note.code for note in self.notes)
        notes = []
        for kind, count in kinds.items():
            first = next(note.message for note in self.notes if note.code == kind)
            notes.append(f"note: {first}" + (f" (and {count - 1:,} more like it)" if count > 1 else ""))
        return "; ".join([self.scope.summary, *notes])
