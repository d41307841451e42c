"""Proves a set: requirements, paths, sonames, symbols, interpreters; the whole set, or what a change can affect.

Both run the same checks on the same indexes, so that both give the same result.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from farm.core.names.reachable import reachable
from farm.core.sets.findings.note import MissingRecommended
from farm.core.sets.findings.problem import (
    AmbiguousProvider,
    MissingInterpreter,
    MissingSoname,
    NoLibrary,
    PathConflict,
    Problem,
    RefusedLibrary,
    UnmetRequirement,
)
from farm.core.sets.linking.library_index import LibraryIndex
from farm.core.sets.linking.linked_file import LinkedFile, linked_files
from farm.core.sets.linking.openings import programs
from farm.core.sets.linking.symbols import opens, prove_file
from farm.core.sets.members.capability_index import CapabilityIndex, moved_capabilities, required_files
from farm.core.sets.members.claim_index import ClaimIndex
from farm.core.sets.members.search_path import has_parent_step
from farm.core.sets.needs.other_needs import SetProviders, needing, note_others, offered, prove_others, wanted
from farm.core.sets.needs.start_needs import offered_loaders, prove_start, wanted_loaders
from farm.core.sets.proof.proof import Proof, ProofScope
from farm.core.sets.proof.replacement import Replacement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.package.elf.details import DlopenNote
    from farm.core.sets.findings.note import Note
    from farm.core.sets.linking.scope_symbols import Findings
    from farm.core.sets.members.member import Member
    from farm.core.sets.members.package_set import PackageSet

_Finding = TypeVar("_Finding", bound="Problem | Note")
_UNMET = {"soname": MissingSoname, "interpreter": MissingInterpreter}


def prove(package_set: PackageSet) -> Proof:
    """Prove a whole set. For many changes to one set keep a `Prover` instead."""
    return Prover(package_set.members.values()).proof


class Prover:
    """A set under proof with its indexes. Mutable.

    `change` checks only what the change affects: members that require what changed, members that load a library that
    lost something (through any number of others), and members that have a problem already. `checked` is the number of
    members that the last change had to check. `capabilities` and `libraries` tell what members provide and require, and
    which files the loader finds, at present.
    """

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self._members: dict[str, Member] = {}
        self._files: dict[str, tuple[LinkedFile, ...]] = {}
        self.capabilities = CapabilityIndex()
        self._claims = ClaimIndex(self.capabilities.prevailing)
        self.libraries = LibraryIndex(self.capabilities.serving, self._claims.having)
        self._around = SetProviders(self.capabilities)
        self._wanting: defaultdict[str, set[str]] = defaultdict(set)
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._notes: dict[str, tuple[Note, ...]] = {}
        self._unsettled: set[str] = set()
        self._winding: set[str] = set()
        self._scope = ProofScope()
        self.checked = 0
        self.change(add=members)

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by short name, as a live view."""
        return MappingProxyType(self._members)

    @property
    def proof(self) -> Proof:
        """The proof of the set as it is now."""
        problems = [problem for found in self._problems.values() for problem in found]
        for parties, paths in self._claims.by_parties().items():
            problems.append(PathConflict(tuple(self._members[name].label for name in parties), paths))
        notes = {note.labelled(self._label) for found in self._notes.values() for note in found}
        return Proof(
            tuple(sorted(set(problems), key=attrgetter("labels", "code", "message"))),
            tuple(sorted(notes, key=attrgetter("labels", "code", "message"))),
            self._scope,
        )

    def change(self, *, add: Iterable[Member] = (), remove: Iterable[str] = ()) -> None:
        """Remove the names in `remove`, and add the members `add`, each replacing another build of its name."""
        new = {member.name: member for member in add}
        old = {name: self._members[name] for name in {*remove, *new} if name in self._members}
        old_files = {name: self._files[name] for name in old}
        for name, member in old.items():
            self._remove(name, member)
        for name, member in new.items():
            self._add(name, member)
        for member in (*old.values(), *new.values()):
            self._claims.settle(member)
        # Members with problems are checked again: their messages name other members, too.
        touched = self._touched(old, new, old_files) | self._problems.keys() | self._unsettled
        self.checked = len(touched)
        for name in touched:
            self._check(self._members[name])

    def _add(self, name: str, member: Member) -> None:
        files = linked_files(member)
        self._members[name], self._files[name] = member, files
        self.capabilities.add(member)
        self.libraries.add(member, files)
        self._claims.add(member)
        self._around.add(member)
        for key in (*wanted(member), *wanted_loaders(member)):
            self._wanting[key].add(name)
        if any(has_parent_step(place) for file in files for place in (*file.runpath, *file.rpath)):
            self._winding.add(name)
        self._scope = self._scope.plus(ProofScope.of(member))

    def _remove(self, name: str, member: Member) -> None:
        self.capabilities.remove(member)
        self.libraries.remove(member, self._files[name])
        self._claims.remove(member)
        self._around.remove(member)
        for key in (*wanted(member), *wanted_loaders(member)):
            self._wanting[key].discard(name)
        self._scope = self._scope.plus(ProofScope.of(member), -1)
        del self._members[name], self._files[name]
        self._problems.pop(name, None)
        self._notes.pop(name, None)
        self._unsettled.discard(name)
        self._winding.discard(name)

    def _touched(
        self, old: dict[str, Member], new: dict[str, Member], old_files: dict[str, tuple[LinkedFile, ...]]
    ) -> set[str]:
        """Return the members whose proof the change can affect."""
        if len(self._members) == len(new) or (self._winding and _moved_directories(old, new)):
            return set(self._members)
        touched = set(new)
        lost = Replacement()
        for name in {*old, *new}:
            before, after = old.get(name), new.get(name)
            same_rank = before is not None and after is not None and (before.replaces == after.replaces)
            for capability in moved_capabilities(before, after):
                touched |= self.capabilities.requirers(capability)
            offers = {
                key for member in (before, after) if member for key in (*offered(member), *offered_loaders(member))
            }
            touched |= needing(offers, self._wanting, self._members)
            was, now = old_files.get(name, ()), self._files.get(name, ())
            lost.compare(was, now, same_rank=same_rank)
            lost.compare_paths(before, after, (*was, *now))
            lost.commands |= self._changed_commands(before, after, was, now, same_rank=same_rank)
        touched |= self._loading(lost.names, lost.commands)
        if lost.imported and self.libraries.shared(lost.imported):
            touched |= self._loading(lost.importing, set())
        if lost.gained:
            users = self._loading(lost.gaining, set()) - touched
            gained = {symbol.name for symbol in lost.gained}
            shared = self.libraries.shared(gained)
            touched |= {
                name
                for name in users
                if any(map(lost.concerns, self._files[name])) or (shared and self._meets(name, gained))
            }
        return touched

    def _meets(self, name: str, names: set[str]) -> bool:
        """Return whether the order in which files with these names are loaded may matter to a member."""
        files = self._files[name]
        surveys = (self.libraries.survey((file,)) for file in files if file.is_program)
        return any(file.loaders for file in files) or any(
            survey.opens or not names.isdisjoint(survey.shared) for survey in surveys
        )

    def _changed_commands(
        self,
        before: Member | None,
        after: Member | None,
        was: tuple[LinkedFile, ...],
        now: tuple[LinkedFile, ...],
        *,
        same_rank: bool,
    ) -> set[str]:
        """Return the commands of a member with plugins whose program changed."""
        left = dict(programs(before, was)) if before else {}
        right = dict(programs(after, now)) if after else {}
        return {
            command
            for command in left.keys() | right.keys()
            if self.libraries.loaded_by(command)
            and not (same_rank and command in left and command in right and _alike(left[command], right[command]))
        }

    def _loading(self, names: set[str], commands: set[str]) -> set[str]:
        """Return the members with a file that loads one of these, directly or through the libraries of others."""

        def users(names: Iterable[str], commands: Iterable[str]) -> Iterator[str]:
            for name in names:
                yield from self.libraries.needing(name)
            for command in commands:
                yield from self.libraries.loaded_by(command)

        def users_of(member: str) -> Iterator[str]:
            names = {name for file in self._files[member] for name in file.all_names}
            return users(names, self._members[member].facts.commands)

        return set(reachable(users(names, commands), users_of))

    def _check(self, member: Member) -> None:
        name = member.name
        self._unsettled.discard(name)
        findings = {file: prove_file(file, self.libraries, self._label) for file in self._files[name]}
        found = findings.values()
        problems: list[Problem] = list(self._unmet(member, findings))
        problems += (problem for of_file in found for problem in of_file.problems)
        problems += prove_others(member, self._around, self._label)
        problems += prove_start(member, self._providing)
        notes = [note for of_file in found for note in of_file.notes]
        for file, note in self._not_opened(member, "recommended"):
            notes.append(MissingRecommended(name, file.path, note.sonames, note.feature))
        notes += note_others(member, self._around)
        _keep(self._problems, name, problems)
        _keep(self._notes, name, notes)
        if any(of_file.unsettled for of_file in found):
            self._unsettled.add(name)

    def _unmet(self, member: Member, findings: Mapping[LinkedFile, Findings]) -> Iterable[Problem]:
        own = member.provides
        # A file can need what the descriptor does not say: a library for another machine, or one that it does not find.
        looking: dict[str, LinkedFile] = {}
        lacking = [(name, file) for file, of_file in findings.items() for name in of_file.lacking]
        lacking += [(note.sonames[0], file) for file, note in self._not_opened(member, "required")]
        for name, file in lacking:
            looking.setdefault(f"soname:{name}", file)
        unmet = set(looking)
        for capability in member.requires:
            providers = self.capabilities.providers(capability)
            if len(providers) == 1 or capability in own:
                continue
            if providers:
                labels = tuple(self._label(name) for name in providers)
                yield AmbiguousProvider(member.label, capability, labels)
            elif not _found_privately(capability, findings):
                unmet.add(capability)
        needing = required_files(member) if unmet else {}
        for capability in sorted(unmet):
            by = looking.get(capability)
            if by and (blocked := self._blocked(member, capability, by)):
                yield blocked
                continue
            file_path = by.path if by else needing.get(capability, "")
            kind = _UNMET.get(capability.partition(":")[0], UnmetRequirement) if file_path else UnmetRequirement
            providers = self.capabilities.providers(capability)
            nearest = (
                self._why_not(capability, providers[0], by)
                if by and providers
                else self.capabilities.nearest(capability, self._members)
            )
            yield kind(member.label, capability, file_path, nearest)

    def _blocked(self, member: Member, capability: str, by: LinkedFile) -> NoLibrary | None:
        """Return the problem that a file finds something else where it looks for a library, if that is so."""
        name = capability.partition(":")[2]
        levels = ("", *self.libraries.levels_above(by))
        opened = (self.libraries.opened(name, by, level=level) for level in levels)
        found = next((opening for opening in opened if opening is not None and not opening.loadable), None)
        if found is None:
            return None
        path = posixpath.join(found.spot.root or found.spot.package or "", found.spot.name).removeprefix("usr/")
        keeper = self._label(found.owner)
        if found.file is None or found.file.is_program or not found.file.details.refused:
            is_program = found.file is not None
            return NoLibrary(member.label, capability, by.path, found=path, keeper=keeper, program=is_program)
        refusals = found.file.details.refused
        return RefusedLibrary(member.label, capability, by.path, found=path, keeper=keeper, refusals=refusals)

    def _why_not(self, capability: str, provider: str, by: LinkedFile) -> str:
        """Return a clause that says why a file cannot load the library that a member provides."""
        name = capability.partition(":")[2]
        machines = {file.machine for file in self._files[provider] if name in file.names}
        why = "is not on its search path" if by.machine in machines else "is for another machine"
        found = self.libraries.find(name, by)
        if found is not None and found.details.only_at_start:
            why = "may be loaded at the start of a program only"
        return f"; that of {self._label(provider)} {why}"

    def _not_opened(self, member: Member, priority: str) -> Iterator[tuple[LinkedFile, DlopenNote]]:
        """Yield the notes of this priority in files of a member of which no library can be opened."""
        for file in self._files[member.name]:
            for note in file.details.dlopen:
                if note.priority == priority and not self._opens(file, note.sonames):
                    yield file, note

    def _opens(self, file: LinkedFile, sonames: tuple[str, ...]) -> bool:
        found = (self.libraries.find(soname, file) for soname in sonames)
        if any(library is not None and not library.details.only_at_start for library in found):
            return True
        if not any(map(self.libraries.has, sonames)):
            return False
        # It depends on what loads the file.
        self._unsettled.add(file.owner)
        return opens(file, sonames, self.libraries)

    def _providing(self, capability: str) -> tuple[Member, ...]:
        return tuple(self._members[name] for name in self.capabilities.providers(capability))

    def _label(self, name: str) -> str:
        return self._members[name].label


def _found_privately(capability: str, findings: Mapping[LinkedFile, Findings]) -> bool:
    """Return whether each file of a member that needs a library finds a private one.

    It may find it by its own search path, or by that of a file that loads it.
    """
    kind, _, name = capability.partition(":")
    needing = [(file, found) for file, found in findings.items() if kind == "soname" and name in file.needed]
    # A variant that nothing opens needs nothing.
    relevant = [found for file, found in needing if file.alone or found.loaded]
    return bool(needing) and all(found.loaded and name not in found.lacking for found in relevant)


def _keep(kept: dict[str, tuple[_Finding, ...]], name: str, found: list[_Finding]) -> None:
    if found:
        kept[name] = tuple(found)
    else:
        kept.pop(name, None)


def _moved_directories(old: Mapping[str, Member], new: Mapping[str, Member]) -> bool:
    before = {(name, path) for name, member in old.items() for path in member.directories}
    return before != {(name, path) for name, member in new.items() for path in member.directories}


def _alike(old: LinkedFile | None, new: LinkedFile | None) -> bool:
    if old is None or new is None:
        return old is new
    return new.can_replace(old) and not new.gained_over(old)
