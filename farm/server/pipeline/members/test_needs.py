"""Whose tests need which packages besides their own: an index over a set, kept as the set changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.sets.proof.test_closures import TestNeedIndex

if TYPE_CHECKING:
    from farm.core.sets.members.member import Member
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.transaction.unit_of_work import UnitOfWork


class TestNeeds(TestNeedIndex):
    """An index over the members of a set, by the newest recipes that come to their plans."""

    def __init__(self, shelf: MemberCache) -> None:
        super().__init__()
        self._shelf = shelf

    def hold(self, unit: UnitOfWork, name: str, member: Member | None) -> None:
        """Let the set hold this member under its name from now on, or nothing."""
        self.put(name, self._needs_of(unit, member) if member is not None else frozenset())

    def _needs_of(self, unit: UnitOfWork, member: Member) -> frozenset[str]:
        if member.foreign:  # those are tested at home
            return frozenset()
        package = self._shelf.record(unit, member.descriptor.digest)
        try:
            recipe = self._shelf.tested_recipe(unit, package)
        except RecipeError:  # the step library has left it behind: nobody can order its tests
            return frozenset()
        if recipe.name != package.name:
            return frozenset()
        return frozenset(need for test in recipe.tests for need in test.needs)
