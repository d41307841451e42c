"""Reads the files of a tree on disk that may be hostile, each through a chain of open directories, never links."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.store.errors import TreeChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

PIECE = 1 << 20
"""The number of bytes read at once, and the largest file that is read in one call."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a FIFO in a file's place would otherwise wait for a writer forever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_root(root: Path | int) -> int:
    """Open the top directory of a tree (a path whose last component is not a link, or a descriptor)."""
    if isinstance(root, int):
        return os.open(".", _DIRECTORY, dir_fd=root)
    return os.open(root, _DIRECTORY)


class OpenDirectories:
    """The directories from a tree's root down to the last one used, held open: no link is followed between them.

    Reading paths in their order opens each directory once. `descriptor` is that of the current one.
    """

    def __init__(self, root: Path | int) -> None:
        self.root = open_root(root)
        # From the root down, as (path with slash, descriptor).
        self._chain: list[tuple[str, int]] = [("", self.root)]
        self._current = ""
        self.descriptor = self.root

    def close(self) -> None:
        """Close them all."""
        for _, descriptor in self._chain:
            os.close(descriptor)

    def enter(self, path: str) -> str:
        """Make the directory of `path` the current one, and return the last component. Raises `TreeChangedError`."""
        cut = path.rfind("/") + 1
        if path[:cut] != self._current:
            self._go_to(path[:cut])
        return path[cut:]

    def _go_to(self, directory: str) -> None:
        while not directory.startswith(self._chain[-1][0]):
            os.close(self._chain.pop()[1])
        path, descriptor = self._chain[-1]
        for name in directory[len(path) :].split("/")[:-1]:
            path += name + "/"
            try:
                descriptor = os.open(name, _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                raise TreeChangedError(path, f"it was a directory ({error.strerror})") from error
            self._chain.append((path, descriptor))
        self._current, self.descriptor = path, descriptor


class TreeReader:
    """Opens the files of a tree relative to open directories: cheapest in the order of the paths.

    Use it as a context manager. Every method raises `TreeChangedError` where the tree differs from what the caller
    expects.
    """

    def __init__(self, root: Path | int) -> None:
        self._directories = OpenDirectories(root)

    def __enter__(self) -> TreeReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directories.close()

    def read(self, path: str, size: int) -> bytes:
        """Return the content of a file of `size` bytes, at most `PIECE`: one open, one read, one close."""
        descriptor = self._open(path)
        try:
            # One byte more is requested, so that a file that grew is noticed in the same call.
            content = os.read(descriptor, size + 1)
        except OSError as error:
            raise TreeChangedError(path, f"it cannot be read ({error.strerror})") from error
        finally:
            os.close(descriptor)
        if len(content) != size:
            raise _resized(path, size)
        return content

    def pieces(self, path: str, size: int) -> Iterator[bytes]:
        """Yield the content of a file of `size` bytes in pieces."""
        descriptor = self._open(path)
        left = size
        try:
            while left:
                piece = os.read(descriptor, min(left, PIECE))
                if not piece:
                    raise _resized(path, size)
                left -= len(piece)
                yield piece
            if os.read(descriptor, 1):
                raise _resized(path, size)
        except OSError as error:
            raise TreeChangedError(path, f"it cannot be read ({error.strerror})") from error
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int:
        name = self._directories.enter(path)
        try:
            return os.open(name, _FILE, dir_fd=self._directories.descriptor)
        except OSError as error:
            raise TreeChangedError(path, f"it was a file ({error.strerror})") from error


def _resized(path: str, size: int) -> TreeChangedError:
    return TreeChangedError(path, f"it had {size} bytes")
