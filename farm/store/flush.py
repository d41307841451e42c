"""Making written data survive a power cut: the whole file system at once, however many files were written."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def flush_file_system(place: Path) -> None:
    """Write out all pending data of the file system of `place`. Raises `OSError`.

    With an `fsync` for each file, a tree of thirty thousand small files takes minutes.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(place))
    finally:
        os.close(descriptor)
