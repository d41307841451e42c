"""Disk space: checked before anything is fetched, tested by writing, and reported with the directory when it runs out.

The system's own error about a full disk names a meaningless temporary file, or nothing.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_LEAST_FREE = 64 << 20
"""With fewer free bytes nothing is started."""
_MB = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)
"""No space, or none that this user may use."""


@contextmanager
def full_disk_named(place: Path) -> Iterator[None]:
    """Make an `OSError` about a full disk name `place`, the directory that is written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error


def check_room(place: Path, needed: int) -> None:
    """Raise the `OSError` of a full disk when this many bytes do not fit on the disk of `place`."""
    free = free_bytes(place)
    if free is not None and needed > free:
        why = f"{os.strerror(errno.ENOSPC)}: {needed / 1e6:.1f} MB are still to come, and {free / 1e6:.1f} MB are free"
        raise OSError(errno.ENOSPC, why, str(place))


def free_bytes(place: Path) -> int | None:
    """Return how many bytes this user may still write to the disk of `place`; None where that is unknown."""
    for folder in (place, *place.parents):
        try:
            found = os.statvfs(folder)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        # A file system without a size, like some network file systems, is not full.
        return found.f_bavail * found.f_frsize if found.f_blocks else None
    return None


class DiskTroubleError(FarmError):
    """A disk is full, or refuses writes."""

    code = "disk-trouble"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"nothing can be written in {path}: {reason}",
            remedy="Free some space or repair the disk; work then continues automatically.",
        )


def check_disks(paths: Iterable[Path]) -> None:
    """Write something in each directory, and check that there is room for more. Raises `DiskTroubleError`."""
    for path in paths:
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path) as probe:
                probe.write(secrets.token_bytes(4096))
                probe.flush()
                os.fsync(probe.fileno())
            free = shutil.disk_usage(path).free
        except OSError as error:
            raise DiskTroubleError(path, error.strerror or str(error)) from error
        if free < _LEAST_FREE:
            raise DiskTroubleError(path, f"{free // _MB} MB are free")
