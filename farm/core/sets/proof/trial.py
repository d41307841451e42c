"""A released set on which changes are tried: any subset of them in turn, each at the cost of what differs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.sets.linking.private_libraries import kept_by
from farm.core.sets.proof.prover import Prover

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.linking.library_index import LibraryIndex
    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.proof import Proof


class TrialSet:
    """A base set under changes: mutable, and always exactly `base + changes` of the last `place`."""

    def __init__(self, base: Iterable[Member]) -> None:
        self._base = {member.name: member for member in base}
        self._prover = Prover(self._base.values())
        self._placed: dict[str, Member | None] = {}
        self._known = self._prover.proof.problems
        self._base_provides = Counter(capability for member in self._base.values() for capability in member.provides)

    @property
    def members(self) -> Mapping[str, Member]:
        """The members now, by short name."""
        return self._prover.members

    @property
    def capabilities(self) -> CapabilityIndex:
        """Who provides and requires what now."""
        return self._prover.capabilities

    @property
    def libraries(self) -> LibraryIndex:
        """Which file the loader finds for whom now."""
        return self._prover.libraries

    @property
    def placed(self) -> Mapping[str, Member | None]:
        """What was placed last."""
        return self._placed

    @property
    def base(self) -> Mapping[str, Member]:
        """The members of the base."""
        return self._base

    def place(self, changes: Mapping[str, Member | None]) -> None:
        """Make the set `base + changes`, from whatever it was before."""
        add: list[Member] = []
        remove: list[str] = []
        for name in self._placed.keys() | changes.keys():
            wanted = changes[name] if name in changes else self._base.get(name)
            if wanted is self._prover.members.get(name):
                continue
            if wanted is None:
                remove.append(name)
            else:
                add.append(wanted)
        if add or remove:
            self._prover.change(add=add, remove=remove)
        self._placed = dict(changes)

    def provided_by_base(self, capability: str) -> bool:
        """Say whether a member of the base provides it."""
        return self._base_provides[capability] > 0

    def accept(self) -> None:
        """Let the set as it is now be the base from now on."""
        for name, member in self._placed.items():
            old = self._base.pop(name, None)
            self._base_provides.subtract(old.provides if old else ())
            if member is not None:
                self._base[name] = member
                self._base_provides.update(member.provides)
        self._placed = {}
        self._known = self._prover.proof.problems

    @property
    def proof(self) -> Proof:
        """The proof of the set as it is now, of which what was wrong with the base already is left out."""
        known = set(self._known)
        whole = self._prover.proof
        return replace(whole, problems=tuple(problem for problem in whole.problems if problem not in known))

    def problems_of(self, changes: Mapping[str, Member | None]) -> tuple[Problem, ...]:
        """Place these changes and return what is wrong then."""
        self.place(changes)
        return self.proof.problems

    def dependents(self, names: Iterable[str]) -> set[str]:
        """Return which members are these, or need one of them at run time, however indirectly, in the set as it is.

        Of a name that the base had and the set has not, those count that require something of what it provided.
        """
        reached = {name for name in names if name in self.members}
        waiting = [member for name in names if (member := self.members.get(name) or self._base.get(name))]
        while waiting:
            member = waiting.pop()
            for capability in (*member.provides, *kept_by(member)):
                for user in self.capabilities.requirers(capability):
                    if user not in reached and self._is_met_by(capability, member.name):
                        reached.add(user)
                        waiting.append(self.members[user])
        return reached

    def _is_met_by(self, capability: str, name: str) -> bool:
        providers = self.capabilities.providers(capability)
        return name in providers or not providers
