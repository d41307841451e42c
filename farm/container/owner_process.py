"""The process that owns an attempt, as a label of its containers names it: for as long as it exists, the attempt may.

Only a process of the same boot and the same namespaces can tell that it has ended.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farm.container.host_clock import host_clock
from farm.container.process_start import process_start


@dataclass(frozen=True, slots=True)
class OwnerProcess:
    """A process by its number and its start, in ticks; `place` names its boot and the namespaces in which it runs."""

    place: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> OwnerProcess:
        """Return this process."""
        _boot, started = process_start(os.getpid())
        return cls(_place(), os.getpid(), started or 0)

    @classmethod
    def parse(cls, text: str) -> OwnerProcess | None:
        """Return the process of a label; None for a text that is none."""
        place, _, numbers = text.partition("; ")
        pid, _, started = numbers.partition(" ")
        if not (place and pid.isdecimal() and started.isdecimal()):
            return None
        return cls(place, int(pid), int(started))

    def __str__(self) -> str:
        return f"{self.place}; {self.pid} {self.started}"

    def has_ended(self) -> bool:
        """Return whether the process has certainly ended."""
        if self.place != _place() or not self.started:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        _boot, started = process_start(self.pid)
        return started is not None and started != self.started


def _place() -> str:
    mounts = ""
    with suppress(OSError):
        mounts = str(Path("/proc/self/ns/mnt").readlink())
    return f"{host_clock()} {mounts}"
