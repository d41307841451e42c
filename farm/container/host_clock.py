"""The one clock that all processes of a host share and nobody can set: how long its kernel has run.

Two times of it can be compared when they are of the same clock, and of no other: another boot, or another namespace,
counts from elsewhere. The time of day may be stepped, in one program or on the whole host, and decides nothing here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostTime:
    """`seconds` on the clock of that name."""

    clock: str
    seconds: float

    def is_before(self, other: HostTime) -> bool:
        """Say whether this is earlier, as far as that can be known: never of times of different clocks."""
        return self.clock == other.clock and self.seconds < other.seconds


def host_time(seconds_from_now: float = 0.0) -> HostTime:
    """Return the time on this host's clock, so many seconds from now."""
    # From the kernel's file: a preloaded library that shows a program another time does not reach it.
    uptime = Path("/proc/uptime").read_text().split()[0]
    return HostTime(_clock(), float(uptime) + seconds_from_now)


def _clock() -> str:
    namespaces = []
    for kind in ("time", "pid"):  # containers are shown a start of their own
        with suppress(OSError):  # a kernel that does not have them
            namespaces.append(str(Path(f"/proc/self/ns/{kind}").readlink()))
    return " ".join([Path("/proc/sys/kernel/random/boot_id").read_text().strip(), *namespaces])
