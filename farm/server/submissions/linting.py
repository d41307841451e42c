"""The rules of `farm lint` for submitted recipes: errors refuse a submission, warnings come back with its answer.

Shell text is not checked here: no program of this machine reads what strangers send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.lint.finding import Severity
from farm.core.lint.recipe_findings import lint_recipe
from farm.core.lint.written import WrittenRecipe
from farm.core.recipe.declared_sources import RECIPE_FILE, recipe_file
from farm.server.submissions.intake_progress import IntakeStep, Stage, unreported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.lint.finding import LintFinding
    from farm.core.recipe.recipe import Recipe
    from farm.server.submissions.intake_progress import Report


def lint_submitted(
    read: Mapping[str, Recipe], submitted: Mapping[str, Mapping[str, bytes]], *, report: Report = unreported
) -> tuple[LintFinding, ...]:
    """Return the warnings about recipes, whose files are in `submitted`. Raises `RecipeError` for errors."""
    found: list[LintFinding] = []
    for done, (name, recipe) in enumerate(sorted(read.items())):
        report(IntakeStep(Stage.CHECKING, done, len(read)))
        files = submitted[name]
        beside = {file: content for file, content in files.items() if file != RECIPE_FILE}
        found += lint_recipe(WrittenRecipe.of(recipe, beside, text=files[RECIPE_FILE], file=recipe_file(name)))
    errors = [finding.problem for finding in found if finding.severity is Severity.ERROR]
    if errors:
        raise RecipeError(errors)
    return tuple(sorted(found, key=lambda finding: finding.problem.place))
