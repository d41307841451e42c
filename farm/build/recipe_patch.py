"""Applies a patch to recipes, in memory but for a temporary directory: the result is what would be submitted."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.recipe_directory import read_recipe_directory
from farm.errors import FarmError
from farm.store.git.command import git_error, run_git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHANGED = re.compile(
    rb"^(?:---|\+\+\+) (?:[ab]/)?((?:[^\t\r\n]*/)?packages/([a-z0-9][a-z0-9+.-]{0,62})/[^\t\r\n]+)", re.M
)
_OTHER = re.compile(rb"^(?:---|\+\+\+) (?!/dev/null)(?!(?:[ab]/)?(?:[^\t\r\n]*/)?packages/[^/]+/)([^\t\r\n]+)", re.M)


def patched_recipes(patch: bytes, current: Callable[[str], Mapping[str, bytes]]) -> dict[str, dict[str, bytes]]:
    """Return the recipes that a patch of a tree of recipes changes, each with all its files, by name.

    `current` returns the present files of a recipe, none for a new one. Raises the error `invalid-patch`.
    """
    if other := _OTHER.search(patch):
        raise _invalid(f"it changes {other[1].decode(errors='replace')[:200]}, which is of no recipe")
    found = {match[2].decode() for match in _CHANGED.finditer(patch)}
    if not found:
        raise _invalid("it changes no file of a recipe (packages/NAME/FILE)")
    with tempfile.TemporaryDirectory(prefix="farm-patch-") as folder:
        tree = Path(folder)
        for name in found:
            for file, content in current(name).items():
                place = tree / "packages" / name / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        depths = {match[1].split(b"/").index(b"packages") for match in _CHANGED.finditer(patch)}
        if len(depths) > 1:
            raise _invalid("its paths have different numbers of directories before packages/")
        _apply(tree, patch, depths.pop() + 1)
        changed = {name: tree / "packages" / name for name in sorted(found)}
        gone = [name for name, place in changed.items() if not place.is_dir()]
        if gone:
            raise _invalid(
                f"it removes the recipe {', '.join(gone)}, which only a person with the farm's database can do"
            )
        return {name: read_recipe_directory(place) for name, place in changed.items()}


def _apply(tree: Path, patch: bytes, strip: int) -> None:
    # The temporary directory may lie in somebody's repository, whose settings do not matter here.
    done = run_git(tree, "apply", f"-p{strip}", "--whitespace=nowarn", "-", given=patch, outside=True)
    if done.returncode != 0:
        raise _invalid(git_error(done))


def _invalid(why: str) -> FarmError:
    return FarmError(
        f"the patch does not apply to the farm's recipes: {why[:1000]}",
        remedy="Make it with `git diff` in a tree of recipes that is up to date with the farm's.",
        code="invalid-patch",
    )
