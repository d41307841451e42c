"""Saying which disk is full: the system's own error names a temporary file of no meaning, or nothing.

And saying it before anything is fetched, where the sizes are known.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""No space, or none that this user may use."""


@contextmanager
def full_disk_named(place: Path) -> Iterator[None]:
    """Let an `OSError` about a full disk name `place`, the directory that is written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error


def check_room(place: Path, needed: int) -> None:
    """Raise the `OSError` of a full disk when so many bytes do not fit on the disk of `place`."""
    free = free_bytes(place)
    if free is not None and needed > free:
        why = f"{os.strerror(errno.ENOSPC)}: {needed / 1e6:.1f} MB are still to come, and {free / 1e6:.1f} MB are free"
        raise OSError(errno.ENOSPC, why, str(place))


def free_bytes(place: Path) -> int | None:
    """Return what this user may still write where `place` is, or will be; None where the system does not say."""
    for folder in (place, *place.parents):
        try:
            found = os.statvfs(folder)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        # A file system without a size, as some networks have, is not full.
        return found.f_bavail * found.f_frsize if found.f_blocks else None
    return None
