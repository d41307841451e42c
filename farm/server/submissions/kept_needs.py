"""Stores what the current recipes name, where a database has it from an older schema only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.plan.build_order import Needs
from farm.core.plan.graph import direct_edges
from farm.server.recipes import recipes
from farm.server.recipes.needs import keep_needs, needs_of

if TYPE_CHECKING:
    from farm.server.tables.records import RecipeRevision
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_AT_ONCE = 100


def complete_needs(application: Application) -> int:
    """Read the recipes whose needs an older schema had in another form, and store them; return how many.

    It may be interrupted, and goes on at the next call. Each process that plans builds calls it first.
    """
    done = 0
    while True:
        with application.reading() as unit:
            if not recipes.without_needs(unit.session, limit=1):
                return done
        with application.planning() as unit:
            some = recipes.without_needs(unit.session, limit=_AT_ONCE)
            keep_needs(unit.session, {revision.id: _needs(unit, revision) for revision in some})
        done += len(some)


def _needs(unit: UnitOfWork, revision: RecipeRevision) -> Needs:
    try:
        recipe = unit.recipes.recipe(revision)
    except RecipeError:  # no step library of now can build it
        return needs_of(unit.session, [revision.id])[revision.id]
    named = {*recipe.build_needs, *recipe.required_packages}
    builds, requires, _, _ = direct_edges({recipe.name: recipe}, recipes.recipes_of(unit.session, named))
    return Needs(frozenset(builds[recipe.name]), frozenset(requires[recipe.name]))
