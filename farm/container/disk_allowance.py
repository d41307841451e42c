"""A limit for a directory of the disk: how much may be in it, although its file system sets none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_RESERVE = 256 << 20
"""The bytes that stay free on the disk for others."""
_SLACK = 16 << 20
"""The bytes that may be added in any case: who removes files needs some room."""
_BLOCK = 512  # the unit of st_blocks


class DiskAllowance:
    """What a directory may take, `most` bytes on the disk, or what is in it already and a little more.

    It is measured again only when that much may be in it.
    """

    def __init__(self, place: Path, most: int) -> None:
        self._place = place
        self._used, self._free = disk_usage(place), self._free_now()
        self._most = max(most, self._used + _SLACK)

    def is_exceeded(self) -> bool:
        """Return whether the directory takes more, or the disk is nearly full."""
        free = self._free_now()
        if free < _RESERVE and free < self._free:
            return True
        if max(self._used, self._used + self._free - free) > self._most:
            # Others use the disk too, and what was too much may be gone.
            self._used, self._free = disk_usage(self._place), free
        return self._used > self._most

    def _free_now(self) -> int:
        state = os.statvfs(self._place)
        return state.f_bavail * state.f_frsize


def disk_usage(place: Path) -> int:
    """Return the bytes that a directory takes on the disk, everything below included. Follows no link."""
    total, seen = 0, set[tuple[int, int]]()
    for _, folders, names, descriptor in os.fwalk(place):
        for name in (*folders, *names):
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue  # a build is at work in there
            linked = (status.st_dev, status.st_ino)
            if status.st_nlink == 1 or linked not in seen:
                total += status.st_blocks * _BLOCK
                seen.add(linked)
    return total
