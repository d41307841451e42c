"""Writes the entries of a verified archive into an empty directory, relative to directories that it holds open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.core.fileset.archive import MTIME
from farm.store.tree_reader import OpenDirectories

if TYPE_CHECKING:
    from pathlib import Path


_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TIMES = (MTIME * 10**9, MTIME * 10**9)


class TreeWriter(OpenDirectories):
    """The sink of `read_archive` that writes to a disk: files 0444 or 0555, directories 0755, the archive's one time.

    Use it as a context manager around the reading; leaving it without an error completes the directories' times.
    Nothing is flushed to the disk: after a power cut the tree must be checked.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._made: list[str] = []
        self._file = -1
        self._masked = _hides_modes(self.root)
        if self._masked:
            os.fchmod(self.root, 0o755)

    def __exit__(self, *error: object) -> None:
        try:
            if not any(error):
                for path in reversed(self._made):
                    os.utime(path, ns=_TIMES, dir_fd=self.root, follow_symlinks=False)
                os.utime(self.root, ns=_TIMES)
        finally:
            if self._file >= 0:
                os.close(self._file)
            super().__exit__(*error)

    def directory(self, path: str, /) -> None:
        """Make a directory."""
        name = self.enter(path)
        os.mkdir(name, 0o755, dir_fd=self.descriptor)
        if self._masked:
            os.chmod(name, 0o755, dir_fd=self.descriptor)  # noqa: S103 - as above
        self._made.append(path)

    def link(self, path: str, target: str, /) -> None:
        """Make a symbolic link."""
        name = self.enter(path)
        os.symlink(target, name, dir_fd=self.descriptor)
        os.utime(name, ns=_TIMES, dir_fd=self.descriptor, follow_symlinks=False)

    def file(self, path: str, size: int, executable: bool, /) -> TreeWriter:  # noqa: ARG002, FBT001 - the protocol's
        """Begin a file; the content comes through `write`, then `close`."""
        mode = 0o555 if executable else 0o444
        self._file = os.open(self.enter(path), _FILE, mode, dir_fd=self.descriptor)
        if self._masked:
            os.fchmod(self._file, mode)
        return self

    def write(self, piece: bytes | memoryview, /) -> None:
        """Append to the file."""
        written = os.write(self._file, piece)
        while written < len(piece):
            piece = memoryview(piece)[written:]
            written = os.write(self._file, piece)

    def close(self) -> None:
        """Complete the file."""
        descriptor, self._file = self._file, -1
        try:
            os.utime(descriptor, ns=_TIMES)
        finally:
            os.close(descriptor)


def _hides_modes(root: int) -> bool:
    """Return whether the umask removes bits that the tree needs (the umask can only be read by setting it)."""
    probe = ".umask"
    os.mkdir(probe, 0o755, dir_fd=root)
    mode = os.stat(probe, dir_fd=root, follow_symlinks=False).st_mode
    os.rmdir(probe, dir_fd=root)
    return mode & 0o777 != 0o755
