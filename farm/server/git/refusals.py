"""Which errors are about the recipes of a commit, and not about the moment at which they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError

if TYPE_CHECKING:
    from farm.errors import FarmError

REWRITTEN, UNRELATED = "rewritten-branch", "unrelated-commit"
_OF_THE_FARM = {"missing-dependency", "duplicate-package", "dependency-cycle", "unowned-recipe"}
_OF_THE_COMMIT = {"unreadable-recipes", "too-many-recipes", "submitted-files", REWRITTEN, UNRELATED}


def is_refusal(error: FarmError) -> bool:
    """Return whether the recipes of a commit are wrong; else the farm, git or the forge could not do it this time."""
    return isinstance(error, RecipeError) or error.code in _OF_THE_COMMIT or may_pass_later(error)


def may_pass_later(error: FarmError) -> bool:
    """Return whether the same recipes may be right once the farm has others: for example, what they need."""
    return error.code in _OF_THE_FARM


def first_problem(error: FarmError) -> str:
    """Return the first problem of some recipes in a line, or another error."""
    if isinstance(error, RecipeError):
        return error.problems[0].in_a_line()
    return f"{error.place}: {error.message}" if error.place else error.message
