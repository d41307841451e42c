"""The dependencies between the recipes of a tree: packages that no recipe makes, and cycles, where they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import quoted
from farm.core.lint.written import package_of
from farm.core.plan.graph import cycles
from farm.core.recipe.packages import KnownPackages, made_packages
from farm.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from farm.core.files.problems import Problem
    from farm.core.lint.written import WrittenRecipe


def unknown_needs(recipes: Mapping[str, WrittenRecipe], unread: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each item of a list of needs that no recipe makes.

    Recipes of the directories `unread` have problems of their own.
    """
    every = frozenset(package for written in recipes.values() for package in made_packages(written.recipe))
    made = KnownPackages(every, frozenset(unread))
    for written in recipes.values():
        for _, items in written.lists_of_needs():
            for item in items:
                need = package_of(item)
                if "/" in need or need in made:
                    continue
                remedy = did_you_mean(need, made, "Correct the name, or write a recipe for it.")
                yield written.document.problem_at(item, f"no recipe makes the package {quoted(need)}", remedy)


def dependency_cycles(recipes: Mapping[str, WrittenRecipe]) -> Iterator[Problem]:
    """Yield a problem for each cycle of recipes, at the build-need of its first recipe that leads into it."""
    makes = {package: name for name, written in recipes.items() for package in made_packages(written.recipe)}
    for cycle in cycles({name: written.recipe for name, written in recipes.items()}):
        written = recipes[cycle[0]]
        needs = written.at("build-needs")
        item = next((item for item in needs.items if makes.get(package_of(item)) == cycle[1]), needs)
        yield written.document.problem_at(
            item,
            f"these recipes need each other to be built: {' → '.join(cycle)}",
            "Take one of the needs out; a smaller build of one of them under another name often breaks a cycle.",
        )
