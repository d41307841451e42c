"""The state of every file below a source directory, as text that differs where an edit was made.

The directory is a stranger's, and whatever is in it takes bounded time and memory; no link in it is followed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.descriptors import opened
from farm.store.errors import TreeChangedError
from farm.store.tree_reader import OpenDirectories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
LARGEST = 16 << 20
"""The bytes of the largest file whose content is read: no patch has a larger one."""
MOST_FILES = 250_000
LONGEST_PATH = 4096
DEEPEST = 256  # each directory on the way down is open
_PIECE = 1 << 20


def source_states(root: Path) -> dict[str, str]:
    """Return the state of every regular file and link below a directory, by path; none if the directory is missing.

    That of a file is its digest (its size and time, where it is larger than `LARGEST`), with ` executable` behind it if
    it can be run; that of a link is `link to TARGET`. Names that are not UTF-8 are left out. Raises the error
    `cannot-keep` where there are too many files, or too many directories in each other.
    """
    if not root.is_dir() or root.is_symlink():
        return {}
    found: dict[str, str] = {}
    with OpenDirectories(root) as tree:
        for count, path in enumerate(_paths(tree)):
            if count >= MOST_FILES:
                raise _too_many(f"{root} has more than {MOST_FILES:,} files")
            if path.isprintable() and (state := _state(tree.enter(path), tree.descriptor)):
                found[path] = state
    return dict(sorted(found.items()))


def _paths(tree: OpenDirectories) -> Iterator[str]:
    """Yield the paths of all that is below a directory and is no directory itself. It is entered for each of them."""
    waiting, seen = [""], 0
    while waiting:
        below = waiting.pop()
        try:
            tree.enter(below)
            with os.scandir(tree.descriptor) as entries:
                names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in _counted(entries, below)]
        except (TreeChangedError, FileNotFoundError):
            continue  # it was removed meanwhile
        seen += len(names)
        if seen > 2 * MOST_FILES:
            raise _too_many(f"there are more than {2 * MOST_FILES:,} files and directories")
        for name, is_directory in names:
            path = below + name
            if len(os.fsencode(path)) > LONGEST_PATH or path.count("/") > DEEPEST:
                raise _too_many(f"the path {path!r:.80}… is too long or too deep")
            if is_directory:
                waiting.append(f"{path}/")
        yield from (below + name for name, is_directory in names if not is_directory)


def _counted(entries: Iterator[os.DirEntry[str]], directory: str) -> Iterator[os.DirEntry[str]]:
    for count, entry in enumerate(entries):
        if count > 2 * MOST_FILES:
            raise _too_many(f"the directory {directory!r:.80} has more than {2 * MOST_FILES:,} files")
        yield entry


def _too_many(reason: str) -> FarmError:
    return FarmError(
        f"the sources of the build cannot be compared: {reason}",
        remedy="Build it in a directory beside its sources, or let it make fewer files there.",
        code="cannot-keep",
    )


def _state(name: str, directory: int) -> str:
    """Return the state of a regular file or link; nothing for what is neither, or is gone."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return f"link to {os.fsencode(os.readlink(name, dir_fd=directory)).decode(errors='backslashreplace')}"
        with opened(name, FILE, dir_fd=directory) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return ""
            content = _digest(descriptor) if status.st_size <= LARGEST else f"{status.st_size} at {status.st_mtime_ns}"
    except OSError:
        return ""
    return f"{content} executable" if status.st_mode & 0o111 else content


def _digest(descriptor: int) -> str:
    digest, left = hashlib.sha256(), LARGEST
    while left > 0 and (piece := os.read(descriptor, _PIECE)):  # a file that grows has another digest anyway
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()
