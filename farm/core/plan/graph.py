"""The graph of builds: their order, cycles, and unknown names.

A build runs in the closure of its build-needs, so their requirements at run time are needed before it too. Requirements
at run time may form a cycle; build-needs may not.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from farm.core.names.reachable import reachable
from farm.core.recipe.packages import made_packages
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class MissingDependency:
    """A recipe names a package that no recipe makes; `hint` is a question with similar names, or empty."""

    recipe: str
    need: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.recipe} needs {self.need!r}, which no recipe makes"


class MissingDependencyError(FarmError):
    """Recipes name packages that no recipe makes; all are reported at once."""

    code = "missing-dependency"

    def __init__(
        self, missing: tuple[MissingDependency, ...], remedy: str = "Correct the name, or write a recipe for it."
    ) -> None:
        if len(missing) == 1:
            super().__init__(str(missing[0]), remedy=f"{missing[0].hint} {remedy}".lstrip())
        else:
            lines = "".join(f"\n  {f'{dependency}. {dependency.hint}'.rstrip(' .')}" for dependency in missing)
            super().__init__(f"recipes need packages that no recipe makes:{lines}", remedy=remedy)
        self.missing = missing


class UnknownRecipeError(FarmError):
    """A requested recipe does not exist."""

    code = "unknown-recipe"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no recipe that makes {name!r}",
            remedy=did_you_mean(name, known, "Look at the names under recipes/packages."),
        )
        self.name = name


class DependencyCycleError(FarmError):
    """Recipes cannot be built because each waits for another; `cycle` starts and ends with the same name."""

    code = "dependency-cycle"

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(
            f"these recipes need each other to be built: {' → '.join(cycle)}",
            remedy="Take one of the needs out; a smaller build of one of them under another name often breaks a cycle.",
        )
        self.cycle = cycle


class DuplicatePackageError(FarmError):
    """Two recipes make a package of the same name."""

    code = "duplicate-package"

    def __init__(self, package: str, first: str, second: str) -> None:
        super().__init__(
            f"the recipes {first} and {second} both make a package {package!r}",
            remedy="Rename the recipe or the output.",
        )


@dataclass(frozen=True, slots=True)
class BuildGraph:
    """Recipes by name, and for each the recipes that must be built before it. Made and checked by `of`.

    `makes` maps each package name to its recipe, `needs` and `requires` a recipe to others, sorted. `levels` are the
    recipes in groups: the recipes of a group need only earlier groups.
    """

    makes: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]
    requires: Mapping[str, tuple[str, ...]]
    test_needs: Mapping[str, tuple[str, ...]]
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, recipes: Mapping[str, Recipe], *, whole: bool = True) -> BuildGraph:
        """Build the graph. Raises `DuplicatePackageError`, `MissingDependencyError`, `DependencyCycleError`.

        Names with a slash belong to other distributions, whose packages are built elsewhere. Unless `recipes` are
        `whole`, their tests may name others.
        """
        makes = makers(recipes)
        builds, requires, test_needs, missing = direct_edges(recipes, makes)
        if not whole:
            missing = {(name, need) for name, need in missing if need in _needs_of_builds(recipes[name])}
        if missing:
            raise MissingDependencyError(
                tuple(MissingDependency(recipe, need, did_you_mean(need, makes)) for recipe, need in sorted(missing))
            )
        needs = _waits_for(builds, requires)
        try:
            levels = _levels(needs)
        except DependencyCycleError as error:
            raise DependencyCycleError(_spelt_out(error.cycle, builds, requires)) from None
        return cls(makes, needs, requires, test_needs, levels)

    def order(self) -> tuple[str, ...]:
        """Return all recipes so that each comes after what it needs, otherwise by name."""
        return self._in_order(self.needs)

    def needed_for(
        self, names: Iterable[str], *, is_given: Callable[[str], bool] = lambda _recipe: False
    ) -> tuple[str, ...]:
        """Return, in order of building, the recipes to build so that the packages `names` can be built and run.

        What a recipe needs that `is_given` is left out. Raises `UnknownRecipeError`.
        """
        start = {self.recipe_of(name) for name in names}
        return self._in_order(
            reachable(start, lambda name: () if is_given(name) else (*self.needs[name], *self.requires[name]))
        )

    def dependents(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return, in order of building, the recipes that need one of `names` to be built, directly or through others.

        Raises `UnknownRecipeError`.
        """
        start = {self.recipe_of(name) for name in names}
        users: dict[str, list[str]] = {name: [] for name in self.needs}
        for name, needs in self.needs.items():
            for need in needs:
                users[need].append(name)
        return self._in_order(set(reachable(start, users.__getitem__)) - start)

    def recipe_of(self, package: str) -> str:
        """Return the recipe that makes `package` (itself, or one with such an output); raises `UnknownRecipeError`."""
        try:
            return self.makes[package]
        except KeyError:
            raise UnknownRecipeError(package, self.makes) from None

    def _in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        # The smallest name first among those that are ready: an unrelated new recipe does not change the order.
        wanted = set(names)
        sorter = TopologicalSorter({name: wanted.intersection(self.needs[name]) for name in wanted})
        sorter.prepare()
        ready: list[str] = []
        order = []
        while sorter.is_active():
            for name in sorter.get_ready():
                heapq.heappush(ready, name)
            order.append(heapq.heappop(ready))
            sorter.done(order[-1])
        return tuple(order)


def cycles(recipes: Mapping[str, Recipe]) -> Iterator[tuple[str, ...]]:
    """Yield cycles of recipes that wait for each other, as `DependencyCycleError` has them; no two share a recipe.

    Names that no recipe makes are ignored.
    """
    makes = {package: name for name in sorted(recipes) for package in made_packages(recipes[name])}
    builds, requires, _, _ = direct_edges(recipes, makes)
    needs = _waits_for(builds, requires)
    while True:
        try:
            _levels(needs)
        except DependencyCycleError as error:
            yield _spelt_out(error.cycle, builds, requires)
            found = set(error.cycle)
            # What is not among the keys waits for nothing.
            needs = {name: others for name, others in needs.items() if name not in found}
        else:
            return


_Edges: TypeAlias = "dict[str, tuple[str, ...]]"


def of_this_distribution(names: Iterable[str]) -> set[str]:
    """Return the packages of this distribution among what a recipe names.

    Any package that has the command satisfies `command:sh`: files decide, not recipes.
    """
    return {name for name in names if "/" not in name and ":" not in name}


def direct_edges(
    recipes: Mapping[str, Recipe], makes: Mapping[str, str]
) -> tuple[_Edges, _Edges, _Edges, set[tuple[str, str]]]:
    """Return which recipes each one names: to be built, at run time, for its tests; and names that nothing makes.

    `makes` maps package names to the recipes that make them.
    """
    named: tuple[_Edges, _Edges, _Edges] = ({}, {}, {})
    missing: set[tuple[str, str]] = set()
    for name in sorted(recipes):
        recipe = recipes[name]
        tests = tuple(need for test in recipe.tests for need in test.needs)
        for edges, packages in zip(named, (recipe.build_needs, recipe.required_packages, tests), strict=True):
            here = of_this_distribution(packages)
            missing |= {(name, package) for package in here if package not in makes}
            edges[name] = tuple(sorted({makes[package] for package in here if package in makes}))
    return *named, missing


def _needs_of_builds(recipe: Recipe) -> tuple[str, ...]:
    return (*recipe.build_needs, *recipe.required_packages)


def _waits_for(builds: _Edges, requires: _Edges) -> _Edges:
    return {name: tuple(sorted(reachable(builds[name], requires.__getitem__))) for name in builds}


def makers(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """Return the recipe that makes each package name. Raises `DuplicatePackageError`."""
    makes = {name: name for name in sorted(recipes)}
    for name in sorted(recipes):
        for package in sorted(made_packages(recipes[name])):
            other = makes.setdefault(package, name)
            if other != name:
                raise DuplicatePackageError(package, *sorted((name, other)))
    return makes


def _levels(needs: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    sorter = TopologicalSorter(dict(sorted(needs.items())))  # of several cycles, the same one is always reported
    try:
        sorter.prepare()
    except CycleError as error:
        # Each recipe stands before the one that needs it, and the first one also at the end.
        turned = error.args[1][1:][::-1]
        first = turned.index(min(turned))
        raise DependencyCycleError((*turned[first:], *turned[: first + 1])) from None
    levels = []
    while sorter.is_active():
        levels.append(tuple(sorted(sorter.get_ready())))
        sorter.done(*levels[-1])
    return tuple(levels)


def _spelt_out(
    cycle: tuple[str, ...], builds: Mapping[str, tuple[str, ...]], requires: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Add the packages that a recipe waits for only because a build-need requires them at run time."""
    spelt = [cycle[0]]
    for name, end in pairwise(cycle):
        came_from: dict[str, str] = dict.fromkeys(builds[name], "")
        open_ends = list(builds[name])
        while end not in came_from:
            here = open_ends.pop(0)
            new = [required for required in requires[here] if required not in came_from]
            came_from.update(dict.fromkeys(new, here))
            open_ends += new
        steps = [end]
        while came_from[steps[-1]]:
            steps.append(came_from[steps[-1]])
        spelt += reversed(steps)
    return tuple(spelt)
