"""The cache of unpacked packages after a power cut: packages that were not flushed to the disk are unpacked again."""

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
    """Records which part of a cache is known to be on the disk. `boot` is the id of this boot, `booted` its time."""

    def __init__(self, cache: PackageCache, boot: str, booted: float) -> None:
        self._cache = cache
        self._folder = cache.root / ".flushed"
        self._mark = self._folder / boot
        self._booted = booted

    @classmethod
    def of_this_boot(cls, cache: PackageCache) -> FlushRecord:
        """Return the record for the machine's current boot."""
        return cls(cache, _BOOT.read_text().strip(), time.time() - float(_UPTIME.read_text().split()[0]))

    def begin(self) -> None:
        """Remove what a power cut may have left incomplete. To be called before packages are unpacked."""
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
                with suppress(FileNotFoundError):  # another client did the same
                    mark.unlink()

    def end(self) -> None:
        """Flush the unpacked packages to the disk. To be called after packages were unpacked."""
        now = time.time()
        flush_file_system(self._cache.root)
        os.utime(self._mark, (now, now))
