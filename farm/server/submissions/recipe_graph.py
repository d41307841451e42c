"""The part of the distribution's dependency graph that a set of recipes reaches, read from the current revisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.plan.graph import BuildGraph, DuplicatePackageError, MissingDependencyError
from farm.errors import did_you_mean
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.recipe.recipe import Recipe
    from farm.server.transaction.unit_of_work import UnitOfWork


def graph_around(unit: UnitOfWork, submitted: Mapping[str, Recipe]) -> BuildGraph:
    """Return the graph of these recipes and of all current ones that they reach.

    Every new cycle leads through a recipe that is new, so nothing else has to be read.
    Raises `MissingDependencyError`, `DependencyCycleError`, `DuplicatePackageError`.
    """
    _refuse_taken_names(unit, submitted)
    found = dict(submitted)
    open_ends = list(submitted.values())
    while open_ends:
        named = {need for recipe in open_ends for need in _names(recipe)}
        makers = set(recipes.recipes_of(unit.session, named).values()) - found.keys()
        heads = recipes.heads(unit.session, makers)
        open_ends = [
            unit.recipes.recipe(recipes.revision(unit.session, head.current)) for _, head in sorted(heads.items())
        ]
        found |= {recipe.name: recipe for recipe in open_ends}
    try:
        return BuildGraph.of(found)
    except MissingDependencyError as error:
        # The graph has only the given recipes: similar names are searched in the whole distribution.
        known = sorted({*recipes.all_packages(unit.session), *found})
        raise MissingDependencyError(
            tuple(replace(dependency, hint=did_you_mean(dependency.need, known)) for dependency in error.missing),
            "Correct the name, or submit a recipe that makes it, before these or with them.",
        ) from None


def reach(graph: BuildGraph, name: str) -> frozenset[str]:
    """Return all recipes that `name` needs, directly or indirectly: any of them can be in its environment."""
    reached: set[str] = set()
    open_ends = [name]
    while open_ends:
        new = set(graph.needs[open_ends.pop()]) - reached
        reached |= new
        open_ends += new
    return frozenset(reached)


def _names(recipe: Recipe) -> Iterable[str]:
    yield from recipe.build_needs
    yield from recipe.required_packages
    for test in recipe.tests:
        yield from test.needs


def _refuse_taken_names(unit: UnitOfWork, submitted: Mapping[str, Recipe]) -> None:
    made = {package: recipe.name for recipe in submitted.values() for package in recipe.package_names}
    for package, maker in sorted(recipes.recipes_of(unit.session, made).items()):
        if maker not in submitted and maker != made[package]:
            raise DuplicatePackageError(package, maker, made[package])
