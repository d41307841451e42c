"""The files of channels, curators and owners in a directory of recipes: whether they have changed, what they say."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, TypeAlias

from farm.core.files.document import MAXIMUM_BYTES
from farm.core.policy.curators import CURATORS
from farm.core.policy.owners import OWNERS
from farm.core.policy.policies import CHANNELS, Policies, is_channel, read_policies

if TYPE_CHECKING:
    from pathlib import Path

FileStamp: TypeAlias = tuple[str, int, int, int]
"""Path, inode, size and time of change of a file; what is no file, or is gone, has zeros."""
Stamp: TypeAlias = tuple[FileStamp, ...]


class ChannelFiles:
    """Reads nothing but these few files; a look at them costs one `stat` each."""

    def __init__(self, recipes: Path) -> None:
        self._recipes = recipes

    def stamp(self) -> Stamp:
        """Return what changes when a file does."""
        return tuple(stamp_of(self._recipes, path) for path in self._paths())

    def read(self) -> Policies:
        """Return what they say now; what cannot be read is its channel's trouble."""
        files: dict[str, bytes] = {}
        unreadable: dict[str, str] = {}
        for path in self._paths():
            try:
                files[path] = self._read(path)
            except OSError as error:
                unreadable[path] = f"cannot be read: {error.strerror or error}"
        return read_policies(files, unreadable)

    def _paths(self) -> list[str]:
        folder = self._recipes / CHANNELS
        names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        channels = [f"{CHANNELS}/{name}" for name in names if not name.startswith(".")]
        found = [path for path in channels if is_channel(path)]
        return [*found, *(name for name in (CURATORS, OWNERS) if (self._recipes / name).exists())]

    def _read(self, path: str) -> bytes:
        file = self._recipes / path
        if not stat.S_ISREG(file.lstat().st_mode):
            raise OSError(None, "it is not a regular file", str(file))
        with file.open("rb") as opened:
            # One byte more than may be, for the reader to refuse it.
            return opened.read(MAXIMUM_BYTES + 1)


def stamp_of(folder: Path, path: str) -> FileStamp:
    """Return what changes when the file at a path below `folder` does."""
    try:
        found = (folder / path).lstat()
    except OSError:
        return path, 0, 0, 0
    return path, found.st_ino, found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)
