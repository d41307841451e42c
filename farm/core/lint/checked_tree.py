"""A tree with the problems of its files, and those between its recipes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.lint.dependencies import dependency_cycles, unknown_needs
from farm.core.lint.written import WrittenRecipe, names_step
from farm.core.policy.tree import recipe_directories, survey_tree
from farm.core.recipe.declared_sources import RECIPE_FILE, recipe_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.files.problems import Problem
    from farm.core.policy.tree import RecipeTree, TreeSurvey


@dataclass(frozen=True, slots=True)
class CheckedTree:
    """A tree as far as it can be read, its recipes as they are written, by directory, and all problems.

    The recipes `unread` have problems, and are there as far as they can be read. `invalid` are the problems of the
    files, `unknown` and `cycles` those between the recipes.
    """

    tree: RecipeTree
    recipes: Mapping[str, WrittenRecipe]
    unread: frozenset[str]
    invalid: tuple[Problem, ...]
    unknown: tuple[Problem, ...]
    cycles: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems."""
        return (*self.invalid, *self.unknown, *self.cycles)


def check_tree(files: Mapping[str, bytes]) -> CheckedTree:
    """Read what can be read of a tree, from content by path, and check the needs between its recipes."""
    survey = survey_tree(files)
    written = _written(survey, files)
    unknown, cycles = unknown_needs(written, survey.unread), dependency_cycles(written)
    return CheckedTree(survey.tree, written, survey.unread, survey.problems, tuple(unknown), tuple(cycles))


def load_checked_tree(files: Mapping[str, bytes]) -> RecipeTree:
    """Read a tree as `load_tree` does, and check the needs between its recipes.

    Raises one `RecipeError` for all files.
    """
    checked = check_tree(files)
    if checked.problems:
        raise RecipeError(checked.problems)
    return checked.tree


def _written(survey: TreeSurvey, files: Mapping[str, bytes]) -> dict[str, WrittenRecipe]:
    return {
        directory: _written_recipe(survey, directory, beside)
        for directory, beside in recipe_directories(files).items()
        if directory in survey.tree.recipes or directory in survey.partial
    }


def _written_recipe(survey: TreeSurvey, directory: str, files: Mapping[str, bytes]) -> WrittenRecipe:
    part = survey.partial.get(directory)
    recipe = part.recipe if part else survey.tree.recipes[directory]
    toolchain = survey.tree.toolchains.get(recipe.toolchain)
    written = WrittenRecipe.of(
        recipe,
        {name: content for name, content in files.items() if name != RECIPE_FILE},
        text=files[RECIPE_FILE],
        file=recipe_file(directory),
        runtime=toolchain.runtime if toolchain else (),
        part=part,
    )
    if names_step(written, survey.tree.steps.unreadable):
        return replace(written, unread=written.unread | {"steps"})
    return written
