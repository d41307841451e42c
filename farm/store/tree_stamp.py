"""Checks whether an unpacked tree is unchanged: names, kinds, modes, sizes, times, link targets.

No file is read, so the check finds accidental changes to a tree, at the cost of one stat(2) for each entry.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from farm.core.fileset.archive import MTIME
from farm.core.fileset.manifest import Directory, File

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.fileset.manifest import Entry, Manifest

_TIME = MTIME * 10**9
_DIRECTORY = stat.S_IFDIR | 0o755
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


def looks_unpacked(root: Path, manifest: Manifest) -> bool:
    """Return whether `root` matches what `TreeWriter` made from the manifest, with nothing added."""
    expected = {entry.path: entry for entry in manifest.entries}
    met, waiting = 0, [""]
    try:
        if not _is_directory(os.lstat(root)):
            return False
        while waiting:
            below = waiting.pop()
            with os.scandir(f"{root}/{below}") as items:
                for item in items:
                    path = below + item.name
                    entry = expected.get(path)
                    if entry is None or not _looks(item, entry):
                        return False
                    met += 1
                    if isinstance(entry, Directory):
                        waiting.append(f"{path}/")
    except OSError:
        return False
    return met == len(expected)


def _looks(item: os.DirEntry[str], entry: Entry) -> bool:
    status = item.stat(follow_symlinks=False)
    if status.st_mtime_ns != _TIME:
        return False
    if isinstance(entry, File):
        return status.st_mode == stat.S_IFREG | (0o555 if entry.executable else 0o444) and status.st_size == entry.size
    if isinstance(entry, Directory):
        return _is_directory(status)
    return stat.S_ISLNK(status.st_mode) and os.readlink(item.path) == entry.target  # noqa: PTH115  (exactly)


def _is_directory(status: os.stat_result) -> bool:
    return status.st_mode & ~_SPECIAL == _DIRECTORY  # below a setgid directory, new directories get the bit too
