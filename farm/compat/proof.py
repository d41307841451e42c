"""The proof of a set: requirements, paths, sonames, symbols, interpreters. Whole, or of what a change can have touched.

Both ways run the same checks on the same indexes, so they come to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.compat.capability_index import CapabilityIndex, provided, required_files
from farm.compat.claim_index import ClaimIndex
from farm.compat.library_index import LibraryIndex, programs
from farm.compat.linked_file import LinkedFile, linked_files
from farm.compat.problem import (
    AmbiguousProvider,
    MissingInterpreter,
    MissingSoname,
    PathConflict,
    Problem,
    UnmetRequirement,
)
from farm.compat.symbols import prove_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from farm.compat.linked_file import Pair
    from farm.compat.member import Member
    from farm.compat.package_set import PackageSet

_UNMET = {"soname": MissingSoname, "interpreter": MissingInterpreter}


@dataclass(frozen=True, slots=True)
class Proof:
    """What is wrong with a set, sorted by package; a set without problems is proven."""

    problems: tuple[Problem, ...]

    @property
    def holds(self) -> bool:
        """Whether the set may be released, as far as a proof can tell."""
        return not self.problems


def prove(package_set: PackageSet) -> Proof:
    """Prove a set from nothing. For many changes to one set keep a `Prover` instead."""
    return Prover(package_set.members.values()).proof


def prove_change(prover: Prover, *, add: Iterable[Member] = (), remove: Iterable[str] = ()) -> Proof:
    """Change the set that `prover` holds, and return its proof: the one from nothing, for a fraction of the work."""
    prover.change(add=add, remove=remove)
    return prover.proof


class Prover:
    """A set under proof with its indexes: the one mutable thing of this room.

    `change` costs what the change touches: members that require what changed, members that load a library that lost
    something (through any number of others), and members that have a problem already. `checked` counts the members
    that the last change had to look at.
    """

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self._members: dict[str, Member] = {}
        self._files: dict[str, tuple[LinkedFile, ...]] = {}
        self._pool: dict[Pair, Pair] = {}
        self._capabilities = CapabilityIndex()
        self._libraries = LibraryIndex(self._capabilities.serving)
        self._claims = ClaimIndex(self._capabilities.prevailing)
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self.checked = 0
        self.change(add=members)

    @property
    def names(self) -> AbstractSet[str]:
        """The short names of the members, as a live view."""
        return self._members.keys()

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by short name, as a live view."""
        return MappingProxyType(self._members)

    @property
    def capabilities(self) -> CapabilityIndex:
        """Who provides and requires what among the members now."""
        return self._capabilities

    @property
    def proof(self) -> Proof:
        """The proof of the set as it is now."""
        problems = [problem for found in self._problems.values() for problem in found]
        for parties, paths in self._claims.by_parties().items():
            problems.append(PathConflict(tuple(self._members[name].label for name in parties), paths))
        return Proof(tuple(sorted(problems, key=lambda problem: (problem.labels, problem.code, problem.message))))

    def change(self, *, add: Iterable[Member] = (), remove: Iterable[str] = ()) -> None:
        """Take the names in `remove` out and `add` in, each in place of another build of its name."""
        new = {member.name: member for member in add}
        old = {name: self._members[name] for name in {*remove, *new} if name in self._members}
        old_files = {name: self._files[name] for name in old}
        for name, member in old.items():
            self._take_out(name, member)
        for name, member in new.items():
            self._take_in(name, member)
        for member in (*old.values(), *new.values()):
            self._claims.settle(member)
        # About members with a problem nothing is proven that could be kept; their messages name others, too.
        touched = self._touched(old, new, old_files) | self._problems.keys()
        self.checked = len(touched)
        for name in touched:
            self._check(self._members[name])

    def _take_in(self, name: str, member: Member) -> None:
        files = linked_files(member, self._pool)
        self._members[name], self._files[name] = member, files
        self._capabilities.add(member)
        self._libraries.add(member, files)
        self._claims.add(member)

    def _take_out(self, name: str, member: Member) -> None:
        self._capabilities.remove(member)
        self._libraries.remove(member, self._files[name])
        self._claims.remove(member)
        del self._members[name], self._files[name]
        self._problems.pop(name, None)

    def _touched(
        self, old: dict[str, Member], new: dict[str, Member], old_files: dict[str, tuple[LinkedFile, ...]]
    ) -> set[str]:
        """Return the members about which the change can have altered what was proven."""
        if len(self._members) == len(new):
            return set(new)
        touched = set(new)
        links: set[str] = set()
        commands: set[str] = set()
        for name in {*old, *new}:
            before, after = old.get(name), new.get(name)
            same_rank = before is not None and after is not None and (before.replaces == after.replaces)
            capabilities = provided([before]) ^ provided([after]) if same_rank else provided([before, after])
            for capability in capabilities:
                touched |= self._capabilities.requirers(capability)
            was, now = old_files.get(name, ()), self._files.get(name, ())
            links |= {file.soname for file in _lost(was, now, same_rank=same_rank)}
            commands |= self._changed_commands(before, after, was, now, same_rank=same_rank)
        return touched | self._loading(links, commands)

    def _changed_commands(
        self,
        before: Member | None,
        after: Member | None,
        was: tuple[LinkedFile, ...],
        now: tuple[LinkedFile, ...],
        *,
        same_rank: bool,
    ) -> set[str]:
        """Return the commands of a member that load its plugins otherwise than before."""
        left = dict(programs(before, was)) if before else {}
        right = dict(programs(after, now)) if after else {}
        return {
            command
            for command in left.keys() | right.keys()
            if self._libraries.loaded_by(command)
            and not (same_rank and command in left and command in right and _same(left[command], right[command]))
        }

    def _loading(self, sonames: set[str], commands: set[str]) -> set[str]:
        """Return the members with a file that loads one of these, directly or through the libraries of others."""
        found: set[str] = set()
        sonames, commands = set(sonames), set(commands)
        links, loaders = list(sonames), list(commands)
        while links or loaders:
            users = self._libraries.needing(links.pop()) if links else self._libraries.loaded_by(loaders.pop())
            for name in users - found:
                found.add(name)
                further = {file.soname for file in self._files[name]} - sonames
                sonames |= further
                links += further
                runs = {each for each in self._members[name].facts.commands if self._libraries.loaded_by(each)}
                loaders += runs - commands
                commands |= runs
        return found

    def _check(self, member: Member) -> None:
        problems: list[Problem] = list(self._unmet(member))
        for file in self._files[member.name]:
            problems += prove_file(file, self._libraries, self._label)
        if problems:
            self._problems[member.name] = tuple(problems)
        else:
            self._problems.pop(member.name, None)

    def _unmet(self, member: Member) -> Iterable[Problem]:
        asked: dict[str, str] = {}
        own = member.provides
        unmet: set[str] = set()
        for capability in member.requires:
            providers = self._capabilities.providers(capability)
            if len(providers) == 1 or capability in own:
                continue
            if providers:
                labels = tuple(self._label(name) for name in providers)
                yield AmbiguousProvider(member.label, capability, labels)
            else:
                unmet.add(capability)
        # A file can need what the descriptor does not speak of: another machine's library, one out of reach.
        for file in self._files[member.name]:
            for soname in file.needed if len(self._libraries.directly(file)) < len(file.needed) else ():
                if self._libraries.find(soname, file) is None:
                    unmet.add(f"soname:{soname}")
        if unmet:
            asked = required_files(member)
        for capability in sorted(unmet):
            file_path = asked.get(capability, "")
            kind = _UNMET.get(capability.partition(":")[0], UnmetRequirement) if file_path else UnmetRequirement
            providers = self._capabilities.providers(capability)
            nearest = (
                f"; that of {self._label(providers[0])} is for another machine"
                if providers
                else self._capabilities.nearest(capability, self._members)
            )
            yield kind(member.label, capability, file_path, nearest)

    def _label(self, name: str) -> str:
        return self._members[name].label


def _lost(was: tuple[LinkedFile, ...], now: tuple[LinkedFile, ...], *, same_rank: bool) -> Iterable[LinkedFile]:
    """Give the files, old and new, behind which a user of the old ones would find something else or something less."""
    before, after = {file.path: file for file in was}, {file.path: file for file in now}
    for path in before.keys() | after.keys():
        old, new = before.get(path), after.get(path)
        if not (same_rank and _same(old, new)):
            yield from (file for file in (old, new) if file is not None)


def _same(old: LinkedFile | None, new: LinkedFile | None) -> bool:
    return old is new if old is None or new is None else new.stands_in_for(old)
