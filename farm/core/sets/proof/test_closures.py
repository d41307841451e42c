"""The packages that a test runs with, and the tests that run for a change: the same for the farm and its checker."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.proof.closure import NotInSetError, OpenSetError, closure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from farm.core.policy.gates.set_gates import TestScope
    from farm.core.recipe.recipe import Recipe, Test
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.closure import MemberSet
    from farm.core.sets.proof.trial import TrialSet

TESTS_OUTPUT = "tests"


@dataclass(frozen=True, slots=True)
class Unrunnable:
    """A test that cannot run in the set, and what it lacks."""

    test: str
    reason: str


def test_closures(recipe: Recipe, members: MemberSet) -> Iterator[tuple[Test, tuple[Member, ...] | Unrunnable]]:
    """Yield the tests of a recipe, with the packages that each runs with.

    These are the closure of the recipe's package, of its `tests` output if it has one, and of what the test needs.
    """
    own = [recipe.name, f"{recipe.name}-{TESTS_OUTPUT}"]
    roots = [name for name in own if name in members.members]
    for test in recipe.tests:
        try:
            yield test, closure(members, [*roots, *test.needs])
        except (NotInSetError, OpenSetError) as error:
            yield test, Unrunnable(test.name, error.message)


class NeedIndex:
    """Packages by what they, or their tests, need; the tests of a recipe count for the package of its name."""

    def __init__(self) -> None:
        self._needs: dict[str, Collection[str]] = {}
        self._users: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, name: str, needs: Collection[str]) -> None:
        """Set the needs of a package."""
        for need in self._needs.pop(name, ()):
            self._users[need].discard(name)
        if needs:
            self._needs[name] = needs
        for need in needs:
            self._users[need].add(name)

    def of(self, name: str) -> Collection[str]:
        """Return the needs of a package."""
        return self._needs.get(name, ())

    def users(self, names: Iterable[str]) -> set[str]:
        """Return the packages that need one of these, at a cost independent of the size of the set."""
        return set().union(*(self._users.get(name, ()) for name in names))


def tested_names(scope: TestScope, trial: TrialSet, changes: Collection[str], needs: NeedIndex) -> set[str]:
    """Return the members of a set under change whose tests must pass, by the scope of the channel's gate."""
    if scope == "all":
        return set(trial.members)
    if scope == "changed":
        return {name for name in changes if name in trial.members}
    moved = trial.dependents(changes)
    # What a test needs may have been removed; the tests of new members run anyhow.
    return moved | {name for name in needs.users(moved | set(changes)) if name in trial.members}
