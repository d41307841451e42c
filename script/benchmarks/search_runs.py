"""Row 14: sets that have to be tested until a publishable one is found, compared with bisection. Counted, not timed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from farm.core.sets.proof.atoms import Atom
from farm.server.pipeline.search.search import Answer, search
from script.benchmarks.measurement import Measurement
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence, Set

    from farm.server.tables.pipeline_states import RunPurpose
    from script.benchmarks.ground import Ground

NUMBER = 14
TITLE = "Sets tested until all but {} of {} updates can be published"
CASES = ((1, 64), (2, 64), (4, 64), (2, 500))
_DRAWS = 200
_FARM, _FARM_ALONE, _HALVING, _ONE_BY_ONE = (
    "farm, one test that sees all",
    "farm, a test for each package",
    "halving, every half tested again until it is one",
    "one after another",
)


def measure(ground: Ground, rounds: int) -> Iterator[Table]:  # noqa: ARG001  (nothing is timed: rounds change nothing)
    """Count for many draws of culprits."""
    for culprits, count in CASES:
        ground.say(f"counting runs for {culprits} culprits among {count}")
        names = [f"p{number:03}" for number in range(count)]
        chance = random.Random(20261124)  # noqa: S311  (the same draws every time)
        drawn = [frozenset(chance.sample(names, culprits)) for _ in range(_DRAWS)]
        measurements = (
            Measurement(_FARM, tuple(float(_farm(names, bad)) for bad in drawn), "runs"),
            Measurement(_FARM_ALONE, tuple(float(_farm_of_small_tests(names, bad)) for bad in drawn), "runs"),
            Measurement(_HALVING, tuple(float(_halving(names, bad)) for bad in drawn), "runs"),
            Measurement(_ONE_BY_ONE, (float(count),), "runs"),
        )
        note = "With a test for each package the first run tells of each: the verdicts answer all further sets."
        yield Table(
            f"{NUMBER}. {TITLE.format(culprits, count)}", _HALVING, measurements, (Goal(_FARM, _HALVING, 1.0),), note
        )


def _farm(names: Sequence[str], bad: Set[str]) -> int:
    known: dict[frozenset[str], bool] = {}

    def ask(atoms: Collection[str], purpose: RunPurpose) -> Answer:
        chosen = frozenset(atoms)
        if purpose == "search":
            known.setdefault(chosen, not chosen.isdisjoint(bad))
        return Answer(chosen.isdisjoint(bad))

    search([Atom((name,)) for name in names], ask)
    return len(known)


def _farm_of_small_tests(names: Sequence[str], bad: Set[str]) -> int:
    """Count the sets with a test that has not run yet: each sees one package, and its verdict is stored."""
    tested: set[str] = set()
    runs = 0

    def ask(atoms: Collection[str], purpose: RunPurpose) -> Answer:  # noqa: ARG001
        nonlocal runs
        runs += not tested.issuperset(atoms)
        tested.update(atoms)
        return Answer(bad.isdisjoint(atoms))

    search([Atom((name,)) for name in names], ask)
    return runs


def _halving(names: Sequence[str], bad: Set[str]) -> int:
    """Count the runs of group testing by bisection, and the last one of the remaining set, which is published."""

    def runs(part: Sequence[str]) -> int:
        if bad.isdisjoint(part) or len(part) == 1:
            return 1
        middle = len(part) // 2
        return 1 + runs(part[:middle]) + runs(part[middle:])

    return runs(names) + 1
