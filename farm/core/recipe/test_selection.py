"""Which tests of recipes are meant by names and globs."""

from __future__ import annotations

from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.core.recipe.recipe import Recipe, Test

_NEAREST = 3


class UnknownTestError(FarmError):
    """No test of the recipes has a requested name."""

    code = "unknown-test"

    def __init__(self, name: str, recipes: Iterable[str], known: Iterable[str]) -> None:
        def likeness(test: str) -> tuple[int, float]:
            return len({*test.split()} & {*name.split()}), SequenceMatcher(None, name, test).ratio()

        near = sorted(dict.fromkeys(known), key=likeness, reverse=True)[:_NEAREST]
        tests = " or ".join(repr(test) for test in near)
        remedy = f"Did you mean {tests}? `*` stands for any text." if near else "They have no tests."
        super().__init__(f"no test of {' or '.join(recipes)} is named {name!r}", remedy=remedy)


def select_tests(recipes: Sequence[Recipe], only: Sequence[str]) -> dict[str, tuple[Test, ...]]:
    """Return the tests of recipes by the recipe's name; with `only`, those of these names or globs (`*`, `?`, `[…]`).

    Recipes without a selected test are then left out. Raises `UnknownTestError` for a name that selects none.
    """
    tests = [(recipe.name, test) for recipe in recipes for test in recipe.tests]
    for name in only:
        if not any(_is_meant(test.name, name) for _, test in tests):
            raise UnknownTestError(name, [recipe.name for recipe in recipes], [test.name for _, test in tests])
    chosen: dict[str, tuple[Test, ...]] = {} if only else {recipe.name: () for recipe in recipes}
    for recipe, test in tests:
        if not only or any(_is_meant(test.name, name) for name in only):
            chosen[recipe] = (*chosen.get(recipe, ()), test)
    return chosen


def _is_meant(name: str, asked: str) -> bool:
    return name == asked or fnmatchcase(name, asked)
