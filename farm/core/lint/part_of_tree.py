"""The part of a tree that a verb works on: the recipes that some packages need. The others may have problems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.lint.checked_tree import check_tree
from farm.core.names.reachable import reachable
from farm.core.plan.graph import BuildGraph
from farm.core.plan.need_graph import NeedKind
from farm.core.recipe.packages import made_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.files.problems import Problem
    from farm.core.lint.checked_tree import CheckedTree
    from farm.core.lint.written import WrittenRecipe
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe
    from farm.errors import FarmError

_NONE: Mapping[str, FarmError] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RecipeScope:
    """The packages that a verb works on, and what else it needs of a tree for them.

    What they and their needs need to be built always belongs to it; by `kinds`, also what all of these need to run and
    to be tested. With `own_tests`, what the tests of `names` themselves need.
    """

    names: tuple[str, ...]
    kinds: tuple[NeedKind, ...] = ()
    own_tests: bool = False


def load_part(
    files: Mapping[str, bytes], scope: RecipeScope | None, unreadable: Mapping[str, FarmError] = _NONE
) -> RecipeTree:
    """Read a tree, and check it as `load_checked_tree` does; of a tree with problems, only what is within `scope`.

    `unreadable` is why files in the directories of recipes could not be read, by directory. Without a scope, and for a
    name that no readable recipe makes, the whole tree must be right. Raises one `RecipeError`, or one of `unreadable`.
    """
    checked = check_tree(files)
    if not (checked.problems or unreadable):
        return checked.tree
    within = None if scope is None else _Directories(checked, unreadable).within(scope)
    _refuse(checked.problems, unreadable, within)
    assert within is not None  # noqa: S101  (else there was a problem)
    left_out = {_directory(problem) for problem in checked.problems} | unreadable.keys()
    recipes = {name: recipe for name, recipe in checked.tree.recipes.items() if name in within}
    return replace(checked.tree, recipes=recipes, left_out=tuple(sorted(left_out)))


def graph_of(tree: RecipeTree) -> BuildGraph:
    """Return the graph of the builds of a tree, or of the part of it that was read. Raises as `BuildGraph.of`."""
    return BuildGraph.of(tree.recipes, whole=tree.is_whole)


def _refuse(problems: Iterable[Problem], unreadable: Mapping[str, FarmError], within: set[str] | None) -> None:
    """Raise what is wrong within these directories, and with files that all recipes share; all without directories."""
    for directory, error in unreadable.items():
        if within is None or directory in within:
            raise error
    shared_too = {"", *(within or ())}
    if found := [problem for problem in problems if within is None or _directory(problem) in shared_too]:
        raise RecipeError(found)


def _directory(problem: Problem) -> str:
    """Return the directory of the recipe that has a problem; empty for a file of the whole tree."""
    top, _, rest = problem.place.file.partition("/")
    return rest.partition("/")[0] if top == "packages" else ""


class _Directories:
    """The directories of recipes by the packages that they make, as far as that is known."""

    def __init__(self, checked: CheckedTree, unreadable: Mapping[str, FarmError]) -> None:
        self._recipes = checked.recipes
        self._unread = sorted({*checked.unread, *unreadable}, key=len, reverse=True)
        self._makers = {name: {name: None} for name in (*checked.recipes, *self._unread)}
        for directory, written in checked.recipes.items():
            for package in _made(written):
                self._makers.setdefault(package, {})[directory] = None

    def within(self, scope: RecipeScope) -> set[str] | None:
        """Return the directories of all that a scope has; None if nobody knows what makes one of its names."""
        roots = [self._of(name) for name in scope.names]
        if not all(roots):
            return None
        starts = list(chain.from_iterable(roots))
        if scope.own_tests:
            starts += [found for name in starts for found in self._needed(name, (NeedKind.TEST,))]
        return set(reachable(starts, lambda name: self._needed(name, (NeedKind.BUILD, *scope.kinds))))

    def _of(self, package: str) -> tuple[str, ...]:
        """Return what makes a package: one directory, or all that say so, of which only one may."""
        unread = (directory for directory in self._unread if package.startswith(f"{directory}-"))
        return tuple(self._makers.get(package) or islice(unread, 1))

    def _needed(self, directory: str, kinds: tuple[NeedKind, ...]) -> Iterator[str]:
        if (written := self._recipes.get(directory)) is None:
            return
        by_kind = {NeedKind.RUN: written.runtime, NeedKind.TEST: _needs_of_tests(written.recipe)}
        building = (*written.recipe.build_needs, *written.recipe.required_packages)
        needed = chain.from_iterable(by_kind.get(kind, building) for kind in kinds)
        for package in (*_made(written), *needed):
            yield from self._of(package)


def _made(written: WrittenRecipe) -> tuple[str, ...]:
    return () if "name" in written.unread else made_packages(written.recipe)


def _needs_of_tests(recipe: Recipe) -> list[str]:
    return [need for test in recipe.tests for need in test.needs]
