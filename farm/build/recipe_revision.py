"""Reads directories of recipes as a git repository has them at a commit. The work tree and the index are not touched.

No code of the repository runs: only objects are read, without hooks, filters or attributes.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from farm.errors import FarmError
from farm.store.git.command import git_error, run_git
from farm.store.git.trees import read_directory


def commit_of_ref(directory: Path, ref: str) -> str:
    """Return the commit that a ref names in the repository around a directory. Raises the error `git`."""
    found = _git(_place(directory), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return found.decode().strip()


def read_recipe_at(directory: Path, commit: str) -> dict[str, bytes]:
    """Return the files of a recipe's directory at a commit, by path. Raises the error `git`, `unreadable-recipes`."""
    place = _place(directory)
    top = Path(os.fsdecode(_git(place, "rev-parse", "--show-toplevel")).rstrip("\n"))
    return read_directory(partial(_git, top), commit, directory.resolve().relative_to(top).as_posix())


def _place(directory: Path) -> Path:
    """Return the nearest directory that exists: the recipe may be gone from the work tree."""
    here = directory.resolve()
    return next(place for place in (here, *here.parents) if place.is_dir())


def _git(place: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = run_git(place, *arguments, given=given)
    if done.returncode != 0:
        raise FarmError(
            f"git cannot read it in {place}: {git_error(done) or 'there is no such commit'}",
            remedy="Name a branch, a tag or a commit of the repository that the recipes are in.",
            code="git",
        )
    return done.stdout
