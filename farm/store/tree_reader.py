"""Reads the files of a tree on disk that may be hostile, each through a chain of open directories, never links."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from farm.store.descriptors import opened
from farm.store.errors import TreeChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE = 1 << 20
"""The number of bytes read at once, and the largest file that is read in one call."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a FIFO in a file's place would otherwise wait for a writer forever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class OpenDirectories:
    """The directories from a tree's root down to the last one used, held open: no link is followed between them.

    Reading paths in their order opens each directory once. `descriptor` is that of the current one. `root` is a path
    whose last component is not a link, or a descriptor.
    """

    def __init__(self, root: Path | int) -> None:
        self.root = os.open(".", _DIRECTORY, dir_fd=root) if isinstance(root, int) else os.open(root, _DIRECTORY)
        # From the root down, as (path with slash, descriptor).
        self._chain: list[tuple[str, int]] = [("", self.root)]
        self._current = ""
        self.descriptor = self.root

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
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


class TreeReader(OpenDirectories):
    """Opens the files of a tree relative to open directories: cheapest in the order of the paths.

    Use it as a context manager. Every method raises `TreeChangedError` where the tree differs from what the caller
    expects.
    """

    def read(self, path: str, size: int) -> bytes:
        """Return the content of a file of `size` bytes, at most `PIECE`: one open, one read, one close."""
        with self._opened(path) as descriptor:
            # One byte more is requested, so that a file that grew is noticed in the same call.
            content = os.read(descriptor, size + 1)
        if len(content) != size:
            raise _resized(path, size)
        return content

    def pieces(self, path: str, size: int) -> Iterator[bytes]:
        """Yield the content of a file of `size` bytes in pieces."""
        left = size
        with self._opened(path) as descriptor:
            while left:
                piece = os.read(descriptor, min(left, PIECE))
                if not piece:
                    raise _resized(path, size)
                left -= len(piece)
                yield piece
            if os.read(descriptor, 1):
                raise _resized(path, size)

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        name, problem = self.enter(path), "it was a file"
        try:
            with opened(name, _FILE, dir_fd=self.descriptor) as descriptor:
                problem = "it cannot be read"
                yield descriptor
        except OSError as error:
            raise TreeChangedError(path, f"{problem} ({error.strerror})") from error


def _resized(path: str, size: int) -> TreeChangedError:
    return TreeChangedError(path, f"it had {size} bytes")
