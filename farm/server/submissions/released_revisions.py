"""Refuses different content under a version and revision that a channel has released.

A change needs a higher revision. Content is different if its plan is: summary, comments, tests and addresses may
change. Rebuilds by the farm are distinguished by their build number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.document import parse
from farm.core.files.problems import RecipeError
from farm.core.names.printed_version import printed_version
from farm.core.recipe.declared_sources import recipe_file
from farm.core.recipe.packages import made_packages
from farm.errors import FarmError
from farm.server.channels.releases import highest_revision, released_builds
from farm.server.jobs.planning import pinned, plan_of
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.files.problems import Problem
    from farm.core.recipe.recipe import Recipe
    from farm.server.channels.releases import ReleasedBuild
    from farm.server.transaction.unit_of_work import UnitOfWork


def check_revisions(unit: UnitOfWork, submitted: Mapping[str, Recipe], texts: Mapping[str, bytes]) -> None:
    """Check that each recipe with a released version and revision has the same plan as the released one.

    `texts` are the recipes' files, by name, to point at the line that has to change. Raises `RecipeError`.
    """
    makers = {package: name for name, recipe in submitted.items() for package in made_packages(recipe)}
    problems: list[Problem] = []
    found: dict[str, list[ReleasedBuild]] = {}
    for build in released_builds(unit.session, makers):
        recipe = submitted[makers[build.name]]
        if (build.version, build.revision) == (str(recipe.version), recipe.revision):
            found.setdefault(recipe.name, []).append(build)
    for name, builds in sorted(found.items()):
        recipe = submitted[name]
        if not any(build.recipe == recipe.digest or _comes_to_the_same(unit, recipe, build) for build in builds):
            highest = highest_revision(unit.session, made_packages(recipe), str(recipe.version))
            problems.append(_problem(texts[name], recipe, builds[0], highest + 1))
    if problems:
        raise RecipeError(problems)


def _comes_to_the_same(unit: UnitOfWork, recipe: Recipe, released: ReleasedBuild) -> bool:
    """Return whether a recipe and that of a released package have the same plan, with today's steps and toolchain."""
    revision = recipes.find_revision(unit.session, released.recipe)
    if revision is None:
        return False
    against = plan_of(unit, released.plan).dependencies
    try:
        return pinned(unit, recipe, against) == pinned(unit, unit.recipes.recipe(revision), against)
    except (FarmError, KeyError):
        # It is built against other packages, or the released recipe cannot be read or has no toolchain here any more.
        return False


def _problem(text: bytes, recipe: Recipe, released: ReleasedBuild, revision: int) -> Problem:
    document, root = parse(text, recipe_file(recipe.name))
    keys = {key.text: value for key, value in root.pairs}
    document.report(
        keys.get("revision") or keys.get("version"),
        f"{released.name} {printed_version(released.version, released.revision)} is in release {released.number} of "
        f"{released.channel}, with other content",
        f"Raise revision to {revision}: what is published under a version and revision stays what it is.",
    )
    return document.problems[0]
