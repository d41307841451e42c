"""A whole tree of recipes, from the content of its files. The caller reads the directory into that mapping."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.files.document import node_at, parse
from farm.core.files.problems import Problem, RecipeError, suggestion
from farm.core.policy.channel_reading import survey_channels
from farm.core.policy.curators import CURATORS, read_curators
from farm.core.policy.owners import OWNERS, Owners, read_owners
from farm.core.recipe.declared_sources import RECIPE_FILE, recipe_file
from farm.core.recipe.distributions import (
    DISTRIBUTIONS,
    Distribution,
    OtherDistribution,
    read_distribution,
    read_distributions,
)
from farm.core.recipe.load import PartlyReadError, load_recipe
from farm.core.recipe.packages import KnownPackages, made_packages
from farm.core.recipe.steps import StepLibrary
from farm.core.recipe.toolchain import ToolchainDefinition, ToolchainLock, read_toolchain
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.recipe.load import PartialRecipe
    from farm.core.recipe.recipe import Recipe

_Value = TypeVar("_Value")

DISTRIBUTION = "distribution.yaml"


@dataclass(frozen=True, slots=True)
class RecipeTree:
    """The content of a directory of recipes. Mappings are from name to value, in sorted order.

    `curators` are the public keys (hexadecimal) of named people, by group; `distributions` are the others that packages
    are imported from. `owners` are the owners of recipes; None where the tree has none. `warnings` are about forms that
    the next release will no longer read. `left_out` are recipes with problems that are not needed, and not among
    `recipes`; then these are only what is needed.
    """

    distribution: Distribution
    steps: StepLibrary
    toolchains: Mapping[str, ToolchainDefinition]
    locks: Mapping[str, ToolchainLock]
    channels: Mapping[str, ChannelPolicy]
    recipes: Mapping[str, Recipe]
    curators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    distributions: Mapping[str, OtherDistribution] = field(default_factory=dict)
    owners: Owners | None = None
    warnings: tuple[Problem, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all recipes are there, so that no name is unknown."""
        return not self.left_out

    def lock_of(self, toolchain: str) -> ToolchainLock:
        """Return the lock of a toolchain; raises `FarmError` (`missing-toolchain-lock`)."""
        lock = self.locks.get(toolchain)
        if lock is None:
            remedy = f"Write one with `farm toolchain lock {toolchain}`."
            raise FarmError(f"the toolchain {toolchain} has no lock", remedy=remedy, code="missing-toolchain-lock")
        return lock


@dataclass(frozen=True, slots=True)
class TreeSurvey:
    """A tree as far as it can be read, and the problems of its files.

    `unread` are the directories of the recipes that have problems, and are not in the tree; `partial` is what could be
    read of them. Without a readable `distribution.yaml`, the tree's distribution has no name.
    """

    tree: RecipeTree
    unread: frozenset[str]
    partial: Mapping[str, PartialRecipe]
    problems: tuple[Problem, ...]


def load_tree(files: Mapping[str, bytes]) -> RecipeTree:
    """Read a tree from content by path, relative to the tree's root with `/` between names.

    Reads `distribution.yaml`, `steps/*.yaml`, `toolchains/*.{yaml,lock}`, `channels/*.yaml`, `curators.yaml`, `OWNERS`,
    `distributions.yaml` and `packages/<name>/`; other files are ignored. Raises one `RecipeError` for all files.
    """
    survey = survey_tree(files)
    if survey.problems:
        raise RecipeError(survey.problems)
    return survey.tree


def survey_tree(files: Mapping[str, bytes]) -> TreeSurvey:
    """Read what can be read of a tree: a problem in a file leaves out that file alone."""
    return _TreeReader(files).read()


def is_of_tree(path: str) -> bool:
    """Return whether a path, relative to the tree's root, is that of a file which `load_tree` reads."""
    *above, name = path.split("/")
    match above:
        case []:
            return name in (DISTRIBUTION, CURATORS, OWNERS, DISTRIBUTIONS)
        case ["steps" | "channels"]:
            return name.endswith(".yaml")
        case ["toolchains"]:
            return name.endswith((".yaml", ".lock"))
    return len(above) == 2 and above[0] == "packages"


def files_beside(files: Mapping[str, bytes], recipe: str) -> Mapping[str, bytes]:
    """Return the files next to `packages/<recipe>/recipe.yaml`, by name."""
    prefix = f"packages/{recipe}/"
    beside = ((path.removeprefix(prefix), content) for path, content in files.items() if path.startswith(prefix))
    return {name: content for name, content in beside if "/" not in name and name != "recipe.yaml"}


def recipe_directories(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return the files of each directory that has a recipe, by name, by directory."""
    found: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for path, content in files.items():
        top, _, rest = path.partition("/")
        directory, _, name = rest.partition("/")
        if top == "packages" and name and "/" not in name:
            found[directory][name] = content
    return {directory: beside for directory, beside in found.items() if RECIPE_FILE in beside}


class _TreeReader:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._partial: dict[str, PartialRecipe] = {}

    def read(self) -> TreeSurvey:
        distribution = self._file(DISTRIBUTION, read_distribution)
        if DISTRIBUTION not in self._files:
            self._note(DISTRIBUTION, "the tree of recipes has no distribution.yaml", "Write one with the key domain.")
        steps, problems = StepLibrary.survey(self._below("steps", ".yaml"))
        self._problems += problems
        toolchains = self._all("toolchains", ".yaml", read_toolchain)
        locks = self._all("toolchains", ".lock", _read_lock)
        curators = self._file(CURATORS, read_curators, absent={})
        # Without the curators, everybody whom it names would be reported as well.
        owners = None if curators is None else self._file(OWNERS, lambda text, _: read_owners(text, curators))
        own = distribution.domain if distribution else ""
        others = self._file(DISTRIBUTIONS, partial(read_distributions, own=own), absent={})
        recipes, unread = self._recipes(steps, others)
        named = {name: part.recipe for name, part in self._partial.items() if "name" not in part.unread}
        self._check_recipes(recipes | named)
        # The tree of a farm that accepts submitted recipes has none itself.
        made = self._made(recipes, unread) if recipes or unread else None
        if made is not None:
            self._check_runtime(made, toolchains)
        policies, warn = self._below("channels", ".yaml"), self._warnings.append
        channels = survey_channels(policies, curators=curators, packages=made, warn=warn)
        self._problems += chain.from_iterable(channels.problems.values())
        tree = RecipeTree(
            distribution or Distribution(""),
            steps,
            toolchains,
            locks,
            channels.policies,
            recipes,
            curators or {},
            others or {},
            owners,
            tuple(self._warnings),
        )
        return TreeSurvey(tree, unread, self._partial, tuple(self._problems))

    def _attempt(self, read: Callable[[], _Value], file: str = "") -> _Value | None:
        try:
            return read()
        except RecipeError as error:
            self._problems += error.problems
        except FarmError as error:
            self._problems.append(Problem(error.place or Place(file), error.message, error.remedy))
        return None

    def _file(self, path: str, read: Callable[[bytes, str], _Value], *, absent: Any = None) -> _Value | None:
        """Read a file that the tree may have; None when it cannot be read."""
        return self._attempt(partial(read, self._files[path], path), path) if path in self._files else absent

    def _below(self, directory: str, suffix: str) -> Mapping[str, bytes]:
        prefix = f"{directory}/"
        return {
            path: content
            for path, content in sorted(self._files.items())
            if path.startswith(prefix) and path.endswith(suffix) and path.count("/") == 1
        }

    def _all(self, directory: str, suffix: str, read: Callable[[bytes, str], _Value]) -> Mapping[str, _Value]:
        found = ((path, self._file(path, read)) for path in self._below(directory, suffix))
        return {path[len(directory) + 1 : -len(suffix)]: value for path, value in found if value is not None}

    def _recipes(
        self, steps: StepLibrary, others: Mapping[str, OtherDistribution] | None
    ) -> tuple[dict[str, Recipe], frozenset[str]]:
        recipes: dict[str, Recipe] = {}
        unread: set[str] = set()
        toolchains = [PurePosixPath(path).stem for path in self._below("toolchains", ".yaml")]
        for directory, beside in sorted(recipe_directories(self._files).items()):
            text = beside.pop(RECIPE_FILE)
            read = partial(
                load_recipe,
                file=recipe_file(directory),
                steps=steps,
                patches=beside,
                toolchains=toolchains,
                distributions=others,
                warn=self._warnings.append,
            )
            recipe = self._attempt(partial(self._recipe, directory, partial(read, text)))
            if recipe is None:
                unread.add(directory)
            else:
                recipes[directory] = recipe
        return recipes, frozenset(unread)

    def _recipe(self, directory: str, read: Callable[[], Recipe]) -> Recipe:
        try:
            return read()
        except PartlyReadError as error:
            self._partial[directory] = error.part
            raise

    def _check_recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """Record recipes in other directories than their own, and packages that two recipes make."""
        makers: defaultdict[str, list[str]] = defaultdict(list)
        for directory, recipe in recipes.items():
            path = recipe_file(directory)
            if recipe.name != directory:
                message = f"the recipe {recipe.name} lies in the directory {directory}"
                self._note_at(path, ("name",), message, "Name both alike.")
            for package in made_packages(recipe):
                makers[package].append(directory)
        for package, directories in sorted(makers.items()):
            for directory in directories[1:]:
                output = package.removeprefix(f"{recipes[directory].name}-")
                keys = ("name",) if package == recipes[directory].name else ("outputs", output)
                message = f"the package {package} is made by {recipe_file(directories[0])} too"
                self._note_at(recipe_file(directory), keys, message, "Rename the output or recipe.")

    def _check_runtime(self, made: KnownPackages, toolchains: Mapping[str, ToolchainDefinition]) -> None:
        for name, toolchain in toolchains.items():
            for number, package in enumerate(toolchain.runtime):
                if package not in made:
                    message = f"the runtime of {name} names {package}, which no recipe makes"
                    path = f"toolchains/{name}.yaml"
                    self._note_at(path, ("runtime", number), message, suggestion(package, made))

    def _made(self, recipes: Mapping[str, Recipe], unread: frozenset[str]) -> KnownPackages:
        directories = {path.split("/")[1] for path in self._files if path.startswith("packages/")}
        made = {name for recipe in recipes.values() for name in recipe.package_names}
        return KnownPackages(frozenset(made | directories), unread)

    def _note_at(self, file: str, keys: tuple[str | int, ...], message: str, remedy: str) -> None:
        """Record a problem with a value of a file that could be read, at the last of `keys` that it has."""
        document, root = parse(self._files[file], file)
        self._problems.append(document.problem_at(node_at(root, *keys), message, remedy))

    def _note(self, file: str, message: str, remedy: str) -> None:
        self._problems.append(Problem(Place(file), message, remedy))


def _read_lock(text: bytes, path: str) -> ToolchainLock:
    return ToolchainLock.from_text(text, name=path.rpartition("/")[2].removesuffix(".lock"), file=path)
