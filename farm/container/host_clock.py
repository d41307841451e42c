"""The clock that all processes of a host share and nobody can set: the uptime of its kernel.

Two times can be compared only if they are of the same clock: another boot, or another namespace, starts elsewhere. The
time of day may be changed, for one program or the whole host, and decides nothing here.
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
        """Return whether this is earlier, which is False for times of different clocks."""
        return self.clock == other.clock and self.seconds < other.seconds


def host_time(seconds_from_now: float = 0.0) -> HostTime:
    """Return the time on this host's clock, so many seconds from now."""
    # From the kernel's file, which a preloaded library that fakes the time does not change.
    uptime = Path("/proc/uptime").read_text().split()[0]
    return HostTime(host_clock(), float(uptime) + seconds_from_now)


def host_clock() -> str:
    """Return the name of this host's clock: the boot, and the namespaces of time and processes."""
    namespaces = []
    for kind in ("time", "pid"):  # containers have a boot time of their own
        with suppress(OSError):  # the kernel does not have them
            namespaces.append(str(Path(f"/proc/self/ns/{kind}").readlink()))
    return " ".join([Path("/proc/sys/kernel/random/boot_id").read_text().strip(), *namespaces])
