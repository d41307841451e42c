"""When a process was started, which distinguishes it from a later one with its number. Imports nothing."""

from __future__ import annotations


def process_start(pid: int) -> tuple[str, int] | tuple[None, None]:
    """Return when a process was started: the boot of the machine, and clock ticks since then (proc(5))."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as boot, open(f"/proc/{pid}/stat", "rb") as stat:
            return boot.read().strip(), int(stat.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None, None
