"""Reads and checks the recipes of a submission, and stores their files: alike for all submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.files.problems import Problem, RecipeError
from farm.core.plan.pin import source_origins
from farm.core.recipe.declared_sources import RECIPE_FILE, recipe_file
from farm.core.recipe.distributions import check_known
from farm.errors import FarmError, Place
from farm.server.submissions.intake_progress import IntakeStep, Stage, unreported
from farm.server.submissions.linting import lint_submitted
from farm.server.submissions.recipe_graph import graph_around
from farm.server.submissions.released_revisions import check_revisions
from farm.server.submissions.submissions import SubmittedRecipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.lint.finding import LintFinding
    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe
    from farm.server.submissions.intake_progress import Report
    from farm.server.submissions.recipe_graph import SubmittedGraph
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

    RecipeFiles = Mapping[str, Mapping[str, bytes]]
    """The files of each recipe's directory by name, by the recipe's name."""


@dataclass(frozen=True, slots=True)
class ReadRecipes:
    """Recipes that could be read, by name: `texts` are their `recipe.yaml`, `files` the blobs with all their files.

    `warnings` are about how they are written, where that was asked.
    """

    recipes: Mapping[str, Recipe]
    texts: Mapping[str, bytes]
    files: Mapping[str, Digest]
    warnings: tuple[LintFinding, ...] = ()

    def graph(self, unit: UnitOfWork) -> SubmittedGraph:
        """Return the graph of these recipes; checks that they fit together with all that they reach.

        Raises one `RecipeError` with the revisions that have to be raised, `MissingDependencyError`,
        `DependencyCycleError`, `DuplicatePackageError`.
        """
        graph = graph_around(unit, self.recipes)
        check_revisions(unit, self.recipes, self.texts)
        return graph

    def submitted(self) -> list[SubmittedRecipe]:
        """Return what a submission records of each, by name."""
        return [
            SubmittedRecipe(name=name, digest=recipe.digest, files=self.files[name])
            for name, recipe in sorted(self.recipes.items())
        ]


def read_new(application: Application, submitted: RecipeFiles, *, report: Report = unreported) -> ReadRecipes:
    """Read and lint recipes as they are submitted, and store their files.

    Raises one `RecipeError` with the problems of all recipes, `FarmError` (`submitted-files`).
    """
    read = _read(application, submitted, report)
    warnings = lint_submitted(read, submitted, report=report)
    files = {}
    for done, name in enumerate(read):
        report(IntakeStep(Stage.STORING, done, len(read)))
        files[name] = application.recipes.keep(submitted[name])
    return ReadRecipes(read, {name: submitted[name][RECIPE_FILE] for name in read}, files, warnings)


def read_stored(application: Application, submitted: Iterable[SubmittedRecipe]) -> ReadRecipes:
    """Read the recipes of an earlier submission again, by the rules of now. Raises one `RecipeError`."""
    files = {recipe.name: recipe.files for recipe in submitted}
    contents = {name: application.recipes.files(digest) for name, digest in files.items()}
    read = _read(application, contents)
    return ReadRecipes(read, {name: contents[name][RECIPE_FILE] for name in read}, files)


def _read(application: Application, submitted: RecipeFiles, report: Report = unreported) -> dict[str, Recipe]:
    """Read recipes, each from the files of its directory. Raises one `RecipeError` with the problems of all."""
    problems: list[Problem] = []
    read: dict[str, Recipe] = {}
    for done, (name, files) in enumerate(sorted(submitted.items())):
        report(IntakeStep(Stage.READING, done, len(submitted)))
        place = Place(recipe_file(name))
        try:
            recipe = application.recipes.read(files, file=place.file)
            _check_inputs(application, recipe)
        except RecipeError as error:
            problems += error.problems
        except FarmError as error:
            problems.append(Problem(error.place or place, error.message, error.remedy))
        else:
            if recipe.name != name:
                problems.append(Problem(place, f"the recipe {recipe.name} was sent as {name}", "Name both alike."))
            read[recipe.name] = recipe
    if problems:
        raise RecipeError(problems)
    return read


def _check_inputs(application: Application, recipe: Recipe) -> None:
    """Check a recipe against this farm: its toolchains, their Debian packages, and the other distributions."""
    toolchain = application.inputs.toolchains.get(recipe.toolchain)
    if toolchain is None:
        known = ", ".join(sorted(application.inputs.toolchains))
        raise FarmError(
            f"this farm has no toolchain {recipe.toolchain!r}",
            remedy=f"It has: {known}." if known else "",
            code="unknown-toolchain",
        )
    source_origins(recipe, toolchain.debs)
    for need in recipe.required_packages:
        check_known(need, application.inputs.distributions)
