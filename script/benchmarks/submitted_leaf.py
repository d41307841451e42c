"""Row 15, second part: one changed leaf, submitted to a farm of 100,000 recipes, and to one of 2,000.

The recipes beside the 2,000 are leaves as well: each needs some of the 2,000, as programs need libraries. So the leaf
reaches as many recipes in both farms.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from farm.server.submissions.submission import submit
from script.benchmarks.measurement import interleave
from script.benchmarks.synthetic_recipes import interdependent, recipe_needing
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.transaction.unit_of_work import Application
    from script.benchmarks.ground import Ground

SIZES = (2_000, 100_000)
_AT_ONCE = 10_000
_WHY = "the indexes of more rows are deeper"


def measure_leaf(ground: Ground, rounds: int, make: Callable[[str], Application], number: int) -> Table:
    """Submit a new version of one recipe to farms of each size, which `make` makes."""
    small, large = SIZES
    core = interdependent(small)
    drawn = random.Random(large)  # noqa: S311  the same recipes each time
    leaf = "program-00000"
    leaves = {f"program-{count:05}": drawn.sample(list(core), 4) for count in range(large - small)}
    contenders = {}
    for size in SIZES:
        ground.say(f"making a farm of {size:,} recipes")
        application = make(f"of-{size}")
        submit(application, core, submitted_by="bench", trace="trace")
        names = list(leaves)[: size - small] or [leaf]
        for start in range(0, len(names), _AT_ONCE):
            part = {name: recipe_needing(name, leaves[name]) for name in names[start : start + _AT_ONCE]}
            submit(application, part, submitted_by="bench", trace="trace")
        contenders[f"among {size:,}"] = _Change(application, leaf, leaves[leaf]).submit
    measured = interleave(contenders, rounds)
    floor, ours = contenders
    goals = (Goal(ours, floor, 1.5, why=_WHY),)
    return Table(f"{number}. one changed leaf, submitted", floor, tuple(measured), goals, "", processor=True)


class _Change:
    """Submits a recipe, each time in a newer version."""

    def __init__(self, application: Application, name: str, needs: list[str]) -> None:
        self._application, self._name, self._needs = application, name, needs
        self._version = 1

    def submit(self) -> None:
        """Submit the next version."""
        self._version += 1
        files = recipe_needing(self._name, self._needs, version=f"1.{self._version}")
        submit(self._application, {self._name: files}, submitted_by="bench", trace="trace")
