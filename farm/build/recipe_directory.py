"""Reads a directory of recipes into a mapping of path to content, which `farm.core.recipe` checks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.errors import FarmError
from farm.store.git.trees import LARGEST_FILE, MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

_NAME = re.compile(rb"^name:[ \t]*[\"']?([a-z0-9][a-z0-9+._-]*)", re.MULTILINE)


def read_recipe_directory(root: Path, *, leave_out: Collection[str] = ()) -> dict[str, bytes]:
    """Return the content of all regular files below `root` by path, without hidden ones. Links are not followed.

    Names in `leave_out` directly below `root` are skipped. Raises the error `unreadable-recipes` for a missing
    directory, a link, a file over 1 MiB, or more than 100,000 files.
    """
    files: dict[str, bytes] = {}
    for path in _paths(root, leave_out):
        files[path.relative_to(root).as_posix()] = _read(path)
    return files


def read_readable_recipes(root: Path) -> tuple[dict[str, bytes], dict[str, FarmError]]:
    """Return the content of a tree of recipes as `read_recipe_directory` does, without what cannot be read of recipes.

    The errors are by the name of the recipe's directory. Raises the error `unreadable-recipes` for other files.
    """
    files: dict[str, bytes] = {}
    unreadable: dict[str, FarmError] = {}

    def leave_out(directory: Path, error: FarmError) -> None:
        match directory.relative_to(root).parts:
            case ["packages", recipe, *_]:
                unreadable.setdefault(recipe, error)
            case _:
                raise error

    for path in _paths(root, unreadable=leave_out):
        try:
            files[path.relative_to(root).as_posix()] = _read(path)
        except FarmError as error:
            leave_out(path.parent, error)
    return files, unreadable


def _refuse(_directory: Path, error: FarmError) -> None:
    raise error


def _paths(
    root: Path, leave_out: Collection[str] = (), unreadable: Callable[[Path, FarmError], None] = _refuse
) -> Iterator[Path]:
    """Yield the paths of all files below a directory, without hidden ones. Raises the error `unreadable-recipes`.

    `unreadable` gets each directory below it that cannot be read, with that error.
    """

    def note(error: OSError) -> None:
        if Path(error.filename) == root:
            raise error
        unreadable(Path(error.filename), _may_not_be_read(Path(error.filename), error))

    count = 0
    try:
        for folder, folders, names in os.walk(root, onerror=note):
            skipped = leave_out if Path(folder) == root else ()
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in skipped)
            for name in sorted(name for name in names if not name.startswith(".") and name not in skipped):
                count += 1
                if count > MOST_FILES:
                    raise _unreadable(f"{root} holds more than {MOST_FILES:,} files")
                yield Path(folder, name)
    except OSError as error:
        raise _unreadable(
            f"cannot read the recipes in {root}: {error.strerror or error}",
            remedy="Name the directory with --recipes or FARM_RECIPES.",
        ) from error


def read_recipe_directories(directories: Iterable[Path]) -> dict[str, dict[str, bytes]]:
    """Return the files of recipes, each of its directory, by the directory's name.

    Raises the error `unreadable-recipes`, also for a directory without a recipe.
    """
    recipes = {}
    for directory in directories:
        recipes[directory.resolve().name] = files = read_recipe_directory(directory)
        if RECIPE_FILE not in files:
            raise FarmError(
                f"{directory} has no {RECIPE_FILE}",
                remedy="Name the directory of a recipe, as recipes/packages/NAME.",
                code="unreadable-recipes",
            )
    return recipes


def with_recipe(files: dict[str, bytes], directory: Path) -> dict[str, bytes]:
    """Return the files of a tree, with the recipe of another directory in place of the tree's of that name.

    Raises the error `unreadable-recipes`, also where the directory has no recipe with a name.
    """
    own = read_recipe_directory(directory)
    place = f"packages/{_name_in(own, directory)}/"
    kept = {path: content for path, content in files.items() if not path.startswith(place)}
    return kept | {f"{place}{path}": content for path, content in own.items()}


def name_of_recipe(directory: Path) -> str:
    """Return the name of the recipe in a directory. Raises the error `unreadable-recipes`."""
    return _name_in(read_recipe_directory(directory), directory)


def _name_in(own: Mapping[str, bytes], directory: Path) -> str:
    # Only its name is read here: other mistakes are reported when the whole tree is loaded.
    found = _NAME.search(own.get("recipe.yaml", b""))
    if found is None:
        raise _unreadable(
            f"{directory} has no recipe.yaml with a name", remedy="Name the directory that contains the recipe."
        )
    return found[1].decode()


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise _unreadable(
                f"{path} is not a regular file",
                remedy="Replace it with the file itself. If this is no tree of recipes, name that with --recipes.",
            )
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _may_not_be_read(path, error) from error
    if len(content) > LARGEST_FILE:
        raise _unreadable(f"{path} is larger than 1 MiB", remedy="Large files are sources: name them by url.")
    return content


def _unreadable(message: str, remedy: str = "") -> FarmError:
    return FarmError(message, remedy=remedy, code="unreadable-recipes")


def _may_not_be_read(path: Path, error: OSError) -> FarmError:
    return _unreadable(f"cannot read {path}: {error.strerror or error}", remedy="See who may read it.")
