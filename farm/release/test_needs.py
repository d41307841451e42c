"""Whose tests need which packages besides their own: an index over a set, kept as the set changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from farm.recipe import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.compat import Member
    from farm.control.desk import Desk
    from farm.release.members import MemberShelf


class TestNeeds:
    """By package: those whose tests name it under `needs`. A recipe's tests count for the package of its name."""

    __test__ = False  # pytest would collect it for its name

    def __init__(self, shelf: MemberShelf) -> None:
        self._shelf = shelf
        self._needs: dict[str, frozenset[str]] = {}
        self._testers: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, desk: Desk, name: str, member: Member | None) -> None:
        """Let the set hold this member under its name from now on, or nothing."""
        for need in self._needs.pop(name, ()):
            self._testers[need].discard(name)
        needs = self._needs_of(desk, member) if member is not None else frozenset()
        if needs:
            self._needs[name] = needs
        for need in needs:
            self._testers[need].add(name)

    def testers(self, names: Iterable[str]) -> set[str]:
        """Return whose tests need one of these packages; costs what there is of both, not what the set holds."""
        return set().union(*(self._testers.get(name, ()) for name in names))

    def _needs_of(self, desk: Desk, member: Member) -> frozenset[str]:
        if member.foreign:  # those are tested at home
            return frozenset()
        package = self._shelf.record(desk, member.descriptor.digest)
        try:
            recipe = self._shelf.tested_recipe(desk, package)
        except RecipeError:  # the step library has left it behind: nobody can order its tests
            return frozenset()
        if recipe.name != package.name:
            return frozenset()
        return frozenset(need for test in recipe.tests for need in test.needs)
