"""Descriptors of files and directories that are open until the end of a block."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(path: str | Path, flags: int, mode: int = 0o644, *, dir_fd: int | None = None) -> Iterator[int]:
    """Open a path as open(2) does, and close the descriptor at the end of the block. Raises `OSError`."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=dir_fd)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
