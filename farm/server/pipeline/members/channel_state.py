"""The newest release of a channel and the needs of its tests, in memory: each candidate then costs only its changes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.sets.proof.atoms import Atom, find_atoms
from farm.core.sets.proof.test_closures import NeedIndex
from farm.core.sets.proof.trial import TrialSet
from farm.server.channels import differences, releases
from farm.server.packages import packages
from farm.trust.index.imports import imported_descriptors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.sets.members.member import Member
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


class TestNeeds(NeedIndex):
    """An index over the members of a set, from the newest recipe that leads to each member's plan."""

    def __init__(self, cache: MemberCache) -> None:
        super().__init__()
        self._cache = cache

    def hold(self, unit: UnitOfWork, name: str, member: Member | None) -> None:
        """Set the member of this name, or remove it if `member` is None."""
        self.put(name, self._needs_of(unit, member) if member is not None else frozenset())

    def _needs_of(self, unit: UnitOfWork, member: Member) -> frozenset[str]:
        if member.imported:  # their own distribution tests them
            return frozenset()
        package = self._cache.record(unit, member.descriptor.digest)
        try:
            recipe = self._cache.tested_recipe(unit, package)
        except RecipeError:  # the step library no longer supports the recipe: its tests cannot be ordered
            return frozenset()
        if recipe.name != package.name:
            return frozenset()
        return frozenset(need for test in recipe.tests for need in test.needs)


class CandidateBase:
    """The base of a channel's candidates, as a set on which changes are tried. For one thread."""

    def __init__(
        self,
        policy: ChannelPolicy,
        cache: MemberCache,
        public: PublicStore,
        *,
        with_tests: bool,
    ) -> None:
        """With `with_tests`, the needs of the base's tests are known: each recipe is read for them, once."""
        self._public = public
        self._channel = policy.name
        self._transitions = policy.transitions
        self._cache = cache
        self._number: int | None = None
        self._tests_mark = 0
        self._trial = TrialSet(())
        self.test_needs = TestNeeds(cache)
        self._with_tests = with_tests
        self._atoms: tuple[object, tuple[Atom, ...]] | None = None

    def forget(self) -> None:
        """Read the base again next time: the database's records of releases have been corrected."""
        self._number, self._tests_mark, self._atoms = None, 0, None
        self.test_needs = TestNeeds(self._cache)

    def trial(self, unit: UnitOfWork, number: int) -> TrialSet:
        """Return release `number` of the channel (0: empty) as a base: read once, then updated by changes."""
        if self._number is None:
            members = releases.release_members(unit.session, self._channel, number) if number else []
            imported = (self._cache.package(unit, digest) for digest in self._imported(unit, number).values())
            self._trial = TrialSet(list(map(self._cache.member, (*members, *imported))))
            self._note_tests(unit, self._trial.base)
        elif self._number != number:
            moved = releases.release_difference(unit.session, self._channel, self._number, number)
            moved |= differences.between(self._imported(unit, self._number), self._imported(unit, number))
            placed = {name: self.member(unit, digest) for name, (_, digest) in moved.items()}
            self._trial.place(placed)
            self._trial.accept()
            self._note_tests(unit, placed)
        self._note_tests(unit, self._retested(unit))
        self._number, self._tests_mark = number, self._cache.tests_mark
        return self._trial

    def _retested(self, unit: UnitOfWork) -> dict[str, Member | None]:
        """Return the members whose recipes have new tests."""
        revised = self._cache.revised_since(self._tests_mark)
        records = [record for plan in revised for record in packages.packages_of_plan(unit.session, plan)]
        base = {record.name: self._trial.base.get(record.name) for record in records}
        return {name: member for name, member in base.items() if member is not None}

    def _note_tests(self, unit: UnitOfWork, placed: Mapping[str, Member | None]) -> None:
        for name, member in placed.items() if self._with_tests else ():
            self.test_needs.hold(unit, name, member)

    def member(self, unit: UnitOfWork, digest: Digest | None) -> Member | None:
        """Return the member of a descriptor, own or imported; None for None."""
        return None if digest is None else self._cache.member(self._cache.package(unit, digest))

    def _imported(self, unit: UnitOfWork, number: int) -> dict[str, Digest]:
        record = releases.release(unit.session, self._channel, number) if number else None
        return imported_descriptors(self._public.release(record.digest).imports) if record else {}

    def atoms(
        self,
        unit: UnitOfWork,
        candidate: int,
        trial: TrialSet,
        changes: Mapping[str, Member | None],
        interface_needs: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> tuple[Atom, ...]:
        """Return the atoms of a candidate, computed once for it.

        `interface_needs` are the changes that others need besides what the proof shows.
        """
        # The number alone is no key: the number of a candidate whose round was rolled back is used again.
        changed = {name: member and member.descriptor.digest for name, member in changes.items()}
        what = candidate, self._number, changed, dict(interface_needs)
        if self._atoms is None or self._atoms[0] != what:
            groups, needs = self._declared(unit, trial, changes)
            for name, others in interface_needs.items():
                needs[name] = (*needs.get(name, ()), *others)
            self._atoms = what, find_atoms(trial, changes, together=groups, needs=needs)
        return self._atoms[1]

    def _declared(
        self, unit: UnitOfWork, trial: TrialSet, changes: Mapping[str, Member | None]
    ) -> tuple[list[Sequence[str]], dict[str, tuple[str, ...]]]:
        """Return what moves together by declaration or as outputs of one build, and what tests need besides."""
        builds: dict[str, list[str]] = {}
        needs: dict[str, tuple[str, ...]] = {}
        for name, member in changes.items():
            present = member or trial.base.get(name)
            if present is None:
                continue
            if present.imported:
                # A release takes all imported packages of a distribution from one release of it, so they move as one.
                builds.setdefault(f"{present.descriptor.name.distribution}/", []).append(name)
                continue
            package: Package = self._cache.record(unit, present.descriptor.digest)
            recipe = self._cache.tested_recipe(unit, package)
            builds.setdefault(recipe.name, []).append(name)
            if recipe.name == name and member is not None:
                # A package of the base can serve a test as well: then nothing has to move first.
                wanted = {need for test in recipe.tests for need in test.needs if need not in trial.base}
                needs[name] = tuple(sorted(wanted))
        return [*builds.values(), *(transition.packages for transition in self._transitions)], needs
