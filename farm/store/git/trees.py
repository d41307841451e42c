"""Directories as git has them at a commit: only objects are read, never a work tree or an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RunGit: TypeAlias = Callable[..., bytes]
"""Runs git with these arguments in one repository, the keyword `given` on its standard input."""
LARGEST_FILE = 1024 * 1024
"""The most bytes of a file of a recipe."""
MOST_FILES = 100_000
_FILES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, link or submodule of a tree: its mode, its object, its size in bytes (None without one), its path."""

    mode: str
    name: str
    size: int | None
    path: str


def read_directory(git: RunGit, commit: str, inside: str, *, most_bytes: int | None = None) -> dict[str, bytes]:
    """Return the files below the directory `inside` at a commit, by path below it; hidden ones are left out.

    Raises the errors `git`, and `unreadable-recipes` for links, submodules, and what is too large or too much.
    """
    listed = list(_entries(git("ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", f"{inside}/")))
    if not listed:
        raise FarmError(
            f"{inside} has no files at commit {commit[:12]}",
            remedy="Name the directory of a recipe that exists there: `git ls-tree -r --name-only REF`.",
            code="unreadable-recipes",
        )
    if len(listed) > MOST_FILES:
        raise _unreadable(f"{inside} holds more than {MOST_FILES:,} files")
    for entry in listed:
        _check(entry)
    if most_bytes is not None and (total := sum(entry.size or 0 for entry in listed)) > most_bytes:
        raise _unreadable(f"the files of {inside} have {total:,} bytes, more than {most_bytes:,}")
    shown = [(entry, entry.path.removeprefix(f"{inside}/")) for entry in listed]
    # as `read_recipe_directory`
    kept = [(entry, path) for entry, path in shown if not any(part.startswith(".") for part in path.split("/"))]
    contents = _contents(git, [entry for entry, _ in kept])
    return {path: content for (_, path), content in zip(kept, contents, strict=True)}


def _check(entry: TreeEntry) -> None:
    if entry.mode not in _FILES:
        raise _unreadable(f"{entry.path} is not a regular file in that commit", "Commit the file itself.")
    if entry.size is None or entry.size > LARGEST_FILE:
        raise _unreadable(f"{entry.path} is larger than 1 MiB", "Large files are sources: name them by url.")


def _contents(git: RunGit, entries: Sequence[TreeEntry]) -> Iterator[bytes]:
    asked = "".join(f"{entry.name}\n" for entry in entries).encode()
    answer, at = git("cat-file", "--batch", given=asked) if entries else b"", 0
    for entry in entries:
        begin = answer.index(b"\n", at) + 1
        end = begin + (entry.size or 0)
        yield answer[begin:end]
        at = end + 1  # git ends each object with a line feed


def _entries(listed: bytes) -> Iterator[TreeEntry]:
    """Yield what `git ls-tree -l -z` lists."""
    for line in listed.split(b"\0"):
        if line:
            about, _, path = line.partition(b"\t")
            mode, _, name, size = about.decode().split()
            yield TreeEntry(mode, name, int(size) if size != "-" else None, path.decode("utf-8", "surrogateescape"))


def _unreadable(message: str, remedy: str = "") -> FarmError:
    return FarmError(message, remedy=remedy, code="unreadable-recipes")
