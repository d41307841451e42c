"""The cache of unpacked packages after a power cut: what was not flushed to the disk before it is unpacked anew.

Unpacking does not flush, because every file would wait for it. A command whose packages must last flushes the file
system once and records it: the time of `CACHE/.flushed/<boot>` is that of the last flush in a boot of the machine.
Packages that an earlier boot unpacked after its last flush may be incomplete.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farm.store.flush import flush_file_system

if TYPE_CHECKING:
    from farm.store.unpack import PackageCache

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_UPTIME = Path("/proc/uptime")


class FlushRecord:
    """What of a cache is known to be on the disk. `boot` and `booted` say which boot this is, and since when."""

    def __init__(self, cache: PackageCache, boot: str, booted: float) -> None:
        self._cache = cache
        self._folder = cache.root / ".flushed"
        self._mark = self._folder / boot
        self._booted = booted

    @classmethod
    def of_this_boot(cls, cache: PackageCache) -> FlushRecord:
        """Take this machine's own word for which boot it is."""
        return cls(cache, _BOOT.read_text().strip(), time.time() - float(_UPTIME.read_text().split()[0]))

    def begin(self) -> None:
        """Call it before packages are unpacked: removes what a power cut may have left in part."""
        if self._mark.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for mark in self._folder.iterdir():
            flushed = mark.stat().st_mtime
            for record in (self._cache.root / ".tree").glob("*"):
                if flushed <= record.stat().st_mtime < self._booted:
                    self._cache.remove(record.name)
        self._mark.touch()
        os.utime(self._mark, (self._booted, self._booted))
        flush_file_system(self._folder)
        for mark in self._folder.iterdir():
            if mark != self._mark:
                with suppress(FileNotFoundError):  # another client was as far as this one
                    mark.unlink()

    def end(self) -> None:
        """Call it after packages were unpacked: sees that they last."""
        now = time.time()
        flush_file_system(self._cache.root)
        os.utime(self._mark, (now, now))
