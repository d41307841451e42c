"""A limit for a directory of the disk: how much may be in it, although its file system sets none."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_RESERVE = 256 << 20
"""The bytes that stay free on the disk for others."""
_RESERVED_ENTRIES = 65_536
"""The files that others can still make on the disk."""
_SLACK = 16 << 20
"""The bytes that may be added in any case: who removes files needs some room."""
_MOST_ENTRIES = 1 << 20
"""The files that may be in the directory, as in the volumes of a build: a file without content takes no bytes."""
_SLACK_ENTRIES = 4096


class DiskAllowance:
    """What a directory may take: `most` bytes on the disk and `most_entries` files, or what is there and a little more.

    It is measured again only when that much may be in it.
    """

    def __init__(self, place: Path, most: int, *, most_entries: int = _MOST_ENTRIES) -> None:
        self._place = place
        self._measure()
        self._most = max(most, self._used + _SLACK)
        self._most_entries = max(most_entries, self._entries + _SLACK_ENTRIES)

    def is_exceeded(self) -> bool:
        """Return whether the directory takes more, or the disk is nearly full."""
        free, free_entries, has_entries = self._free_now()
        if free < _RESERVE and free < self._free:
            return True
        if has_entries and free_entries < _RESERVED_ENTRIES and free_entries < self._free_entries:
            return True
        if free > self._free + _SLACK:  # others have freed it, and what is added here must not count against that
            self._measure()
            free = self._free
        may_take = self._used + max(0, self._free - free)
        may_have = self._entries + max(0, self._free_entries - free_entries)
        if may_take > self._most or may_have > self._most_entries:
            # Others use the disk too, and what was too much may be gone.
            self._measure()
        return self._used > self._most or self._entries > self._most_entries

    def _measure(self) -> None:
        self._free, self._free_entries, _ = self._free_now()
        self._used, self._entries = disk_usage(self._place), entry_count(self._place)

    def _free_now(self) -> tuple[int, int, bool]:
        """Return the free bytes, the free file entries, and whether the file system counts these (btrfs does not)."""
        state = os.statvfs(self._place)
        return state.f_bavail * state.f_frsize, state.f_favail, state.f_files > 0


def disk_usage(place: Path) -> int:
    """Return the bytes that a directory takes on the disk, everything below included. Follows no link."""
    return _summed(place, "--block-size=1")


def entry_count(place: Path) -> int:
    """Return how many files, directories and links a directory has, itself included."""
    return _summed(place, "--inodes")


def _summed(place: Path, unit: str) -> int:
    # It copes with directories of any depth. What a build removes meanwhile is an error of its, but no reason to stop.
    command = ["du", "--summarize", "--one-file-system", unit, "--", str(place)]
    done = subprocess.run(command, check=False, capture_output=True)
    total = done.stdout.partition(b"\t")[0]
    if not total.isdigit():
        raise OSError(f"{place} cannot be measured: {done.stderr.decode(errors='replace').strip():.200}")
    return int(total)
