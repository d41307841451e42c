"""Which packages are there when a test runs, and whose tests run for a change: alike for the farm and its checker."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.proof.closure import OpenSetError, UnknownPackageError, closure

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
    """A test that cannot be run in the set, and why: what it needs is not there."""

    test: str
    reason: str


def test_closures(recipe: Recipe, members: MemberSet) -> Iterator[tuple[Test, tuple[Member, ...] | Unrunnable]]:
    """Yield the tests of a recipe, each with the packages that are there when it runs.

    Those are the closure of the recipe's package, of its `tests` output where it has one, and of what the test needs.
    """
    own = [recipe.name, f"{recipe.name}-{TESTS_OUTPUT}"]
    roots = [name for name in own if name in members.members]
    for test in recipe.tests:
        try:
            yield test, closure(members, [*roots, *test.needs])
        except (UnknownPackageError, OpenSetError) as error:
            yield test, Unrunnable(test.name, error.message)


class TestNeedIndex:
    """By package: those whose tests name it under `needs`. A recipe's tests count for the package of its name."""

    __test__ = False  # pytest would collect it for its name

    def __init__(self) -> None:
        self._needs: dict[str, frozenset[str]] = {}
        self._testers: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, name: str, needs: frozenset[str]) -> None:
        """Let the tests of a package need these from now on."""
        for need in self._needs.pop(name, ()):
            self._testers[need].discard(name)
        if needs:
            self._needs[name] = needs
        for need in needs:
            self._testers[need].add(name)

    def testers(self, names: Iterable[str]) -> set[str]:
        """Return whose tests need one of these packages; costs what there is of both, not what the set holds."""
        return set().union(*(self._testers.get(name, ()) for name in names))


def tested_names(scope: TestScope, trial: TrialSet, changes: Collection[str], needs: TestNeedIndex) -> set[str]:
    """Return the members of a set under change whose tests have to pass, by the scope of the channel's gate."""
    if scope == "all":
        return set(trial.members)
    if scope == "changed":
        return {name for name in changes if name in trial.members}
    moved = trial.dependents(changes)
    # What a test needs may have gone; the tests of what is put in now are asked for anyhow.
    return moved | {name for name in needs.testers(moved | set(changes)) if name in trial.members}
