"""Whether the disks below some directories take what is written: seen by writing, for nothing else tells."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ROOM = 64 << 20
"""With fewer free bytes than that nothing can be begun."""
_MB = 1 << 20


class DiskTroubleError(FarmError):
    """A disk is full, or does not take what is written."""

    code = "disk-trouble"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"nothing can be written in {path}: {reason}",
            remedy="Make room, or see to the disk: all goes on by itself then.",
        )


def check_disks(paths: Iterable[Path]) -> None:
    """Write something in each directory, and see that there is room for more. Raises `DiskTroubleError`."""
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
        if free < _ROOM:
            raise DiskTroubleError(path, f"{free // _MB} MB are free")
