"""Reads directories of recipes as a git repository has them at a commit. The work tree and the index are not touched.

No code of the repository runs: only objects are read, without hooks, filters or attributes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.recipe_directory import LARGEST_FILE, MOST_FILES
from farm.errors import FarmError
from farm.store.git_command import git_error, run_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FILES = ("100644", "100755")


def commit_of(directory: Path, ref: str) -> str:
    """Return the commit that a ref names in the repository around a directory. Raises the error `git`."""
    found = _git(_place(directory), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return found.decode().strip()


def read_recipe_at(directory: Path, commit: str) -> dict[str, bytes]:
    """Return the files of a recipe's directory at a commit, by path. Raises the error `git`, `unreadable-recipes`."""
    place = _place(directory)
    top = Path(os.fsdecode(_git(place, "rev-parse", "--show-toplevel")).rstrip("\n"))
    inside = directory.resolve().relative_to(top).as_posix()
    listed = list(_entries(_git(top, "ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{inside}/")))
    if not listed:
        raise FarmError(
            f"{directory} has no files at commit {commit[:12]}",
            remedy="Name the directory of a recipe that exists there: `git ls-tree -r --name-only REF`.",
            code="unreadable-recipes",
        )
    if len(listed) > MOST_FILES:
        raise FarmError(f"{directory} holds more than {MOST_FILES:,} files", code="unreadable-recipes")
    return dict(_contents(top, directory, inside, listed))


def _contents(
    top: Path, directory: Path, inside: str, listed: Sequence[tuple[str, str, str]]
) -> Iterator[tuple[str, bytes]]:
    for mode, name, path in listed:
        if mode not in _FILES:
            raise FarmError(
                f"{path} is not a regular file in that commit",
                remedy="Commit the file itself.",
                code="unreadable-recipes",
            )
        if int(_git(top, "cat-file", "-s", name)) > LARGEST_FILE:
            raise FarmError(f"{path} is larger than 1 MiB in {directory}", code="unreadable-recipes")
        file = path.removeprefix(f"{inside}/")
        if not any(part.startswith(".") for part in file.split("/")):  # as `read_recipe_directory`
            yield file, _git(top, "cat-file", "blob", name)


def _entries(listed: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield mode, object and path of what `git ls-tree -z` lists."""
    for line in listed.split(b"\0"):
        if line:
            about, _, path = line.partition(b"\t")
            mode, _, name = about.decode().split(" ")
            yield mode, name, path.decode("utf-8", "surrogateescape")


def _place(directory: Path) -> Path:
    """Return the nearest directory that exists: the recipe may be gone from the work tree."""
    here = directory.resolve()
    return next(place for place in (here, *here.parents) if place.is_dir())


def _git(place: Path, *arguments: str) -> bytes:
    done = run_git(place, *arguments)
    if done.returncode != 0:
        raise FarmError(
            f"git cannot read it in {place}: {git_error(done) or 'there is no such commit'}",
            remedy="Name a branch, a tag or a commit of the repository that the recipes are in.",
            code="git",
        )
    return done.stdout
