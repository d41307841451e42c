"""Checks that a set of recipes fits into the distribution's dependency graph: names, makers and cycles.

Of the distribution, only what the recipes reach is looked at, and only its needs are read, not its recipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.plan.build_order import Needs, build_order
from farm.core.plan.graph import (
    DuplicatePackageError,
    MissingDependency,
    MissingDependencyError,
    direct_edges,
    makers,
)
from farm.errors import did_you_mean
from farm.server.recipes import recipes
from farm.server.recipes.needs import needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.recipe.recipe import Recipe
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SubmittedGraph:
    """Submitted recipes in the order in which they are built, with which recipes each of them names.

    `around` is what these and all recipes that they reach name.
    """

    order: tuple[str, ...]
    around: Mapping[str, Needs]


def graph_around(unit: UnitOfWork, submitted: Mapping[str, Recipe]) -> SubmittedGraph:
    """Return the graph of these recipes among the current ones.

    Every new cycle leads through a recipe that is new, so nothing but what these reach has to be looked at.
    Raises `MissingDependencyError`, `DependencyCycleError`, `DuplicatePackageError`.
    """
    made = makers(submitted)
    for package, maker in sorted(recipes.recipes_of(unit.session, made).items()):
        if maker not in submitted and maker != made[package]:
            raise DuplicatePackageError(package, maker, made[package])
    makes = _makers_of_needs(unit, submitted, made)
    builds, requires, _, missing = direct_edges(submitted, makes)
    needs = {name: Needs(frozenset(builds[name]), frozenset(requires[name])) for name in submitted}
    below, missing_below = _below(unit, needs, made)
    if missing or missing_below:
        raise _missing(unit, missing | missing_below, made)
    around = needs | below
    return SubmittedGraph(tuple(name for name in build_order(around) if name in submitted), around)


def _missing(unit: UnitOfWork, missing: set[tuple[str, str]], made: Iterable[str]) -> MissingDependencyError:
    # Similar names are searched in the whole distribution.
    known = sorted({*recipes.all_packages(unit.session), *made})
    return MissingDependencyError(
        tuple(MissingDependency(recipe, need, did_you_mean(need, known)) for recipe, need in sorted(missing)),
        "Correct the name, or submit a recipe that makes it, before these or with them.",
    )


def _makers_of_needs(unit: UnitOfWork, submitted: Mapping[str, Recipe], made: Mapping[str, str]) -> dict[str, str]:
    """Return the recipe that makes each package that the submitted recipes name; a replaced recipe makes nothing."""
    named = {need for recipe in submitted.values() for need in _names(recipe)} - made.keys()
    found = recipes.recipes_of(unit.session, named)
    kept = {package: maker for package, maker in found.items() if maker not in submitted}
    return kept | dict(made)


def _below(
    unit: UnitOfWork, needs: Mapping[str, Needs], made: Mapping[str, str]
) -> tuple[dict[str, Needs], set[tuple[str, str]]]:
    """Return what the current recipes name that these reach, and packages that none would make any more, by recipe."""
    found: dict[str, Needs] = {}
    missing: set[tuple[str, str]] = set()
    open_ends = {other for named in needs.values() for other in named.all} - needs.keys()
    while open_ends:
        current = {number: name for name, number in recipes.current_revisions(unit.session, open_ends).items()}
        level = needs_of(unit.session, current, made)
        missing |= {(current[number], package) for number, packages in level.missing.items() for package in packages}
        found |= {current[number]: named for number, named in level.needs.items()}
        open_ends = {other for named in level.needs.values() for other in named.all} - needs.keys() - found.keys()
    return found, missing


def _names(recipe: Recipe) -> Iterable[str]:
    yield from recipe.build_needs
    yield from recipe.required_packages
    for test in recipe.tests:
        yield from test.needs
