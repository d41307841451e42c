"""A released set on which changes are tried: any subset in turn, at a cost in proportion to the difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable
from farm.core.sets.linking.private_libraries import kept_by
from farm.core.sets.proof.prover import Prover

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.proof import Proof


class TrialSet:
    """A base set under changes: mutable, and always exactly `base + placed`, the changes of the last `place`.

    `members` are the members now, by short name, `capabilities` and `libraries` their indexes.
    """

    def __init__(self, base: Iterable[Member]) -> None:
        self.base = {member.name: member for member in base}
        self.placed: Mapping[str, Member | None] = {}
        self._prover = Prover(self.base.values())
        self.members = self._prover.members
        self.capabilities = self._prover.capabilities
        self.libraries = self._prover.libraries
        self._known = self._prover.proof.problems
        self._base_provides = Counter(capability for member in self.base.values() for capability in member.provides)

    def place(self, changes: Mapping[str, Member | None]) -> None:
        """Make the set `base + changes`, whatever was placed before."""
        add: list[Member] = []
        remove: list[str] = []
        for name in self.placed.keys() | changes.keys():
            wanted = changes[name] if name in changes else self.base.get(name)
            if wanted is self.members.get(name):
                continue
            if wanted is None:
                remove.append(name)
            else:
                add.append(wanted)
        if add or remove:
            self._prover.change(add=add, remove=remove)
        self.placed = dict(changes)

    def provided_by_base(self, capability: str) -> bool:
        """Return whether a member of the base provides it."""
        return self._base_provides[capability] > 0

    def accept(self) -> None:
        """Make the set as it is now the base."""
        for name, member in self.placed.items():
            old = self.base.pop(name, None)
            self._base_provides.subtract(old.provides if old else ())
            if member is not None:
                self.base[name] = member
                self._base_provides.update(member.provides)
        self.placed = {}
        self._known = self._prover.proof.problems

    @property
    def proof(self) -> Proof:
        """The proof of the set as it is now, without the problems that the base already had."""
        known = set(self._known)
        whole = self._prover.proof
        return replace(whole, problems=tuple(problem for problem in whole.problems if problem not in known))

    def problems_of(self, changes: Mapping[str, Member | None]) -> tuple[Problem, ...]:
        """Place these changes and return the problems of the set."""
        self.place(changes)
        return self.proof.problems

    def dependents(self, names: Iterable[str]) -> set[str]:
        """Return the members of these names, and those that need one of them at run time, directly or not.

        Of a name that only the base has, the members count that require something that it provided.
        """

        def users(name: str) -> Iterator[str]:
            member = self.members.get(name) or self.base.get(name)
            for capability in (*member.provides, *kept_by(member)) if member else ():
                providers = self.capabilities.providers(capability)
                if name in providers or not providers:
                    yield from self.capabilities.requirers(capability)

        return self.members.keys() & set(reachable(names, users))
