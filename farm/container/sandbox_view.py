"""What a sandbox shows of its machine: the same on every host.

Where the kernel would tell of the real processor, memory or network, a fixed file lies over it or the path is masked.
uname(2), mountinfo and the cpuid instruction remain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.container.sandbox_spec import HOSTNAME, Bind

if TYPE_CHECKING:
    from pathlib import Path

# Docker's own list (which naming any path replaces) first, then ours.
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/devices/system/cpu/vulnerabilities",
    "/sys/firmware",
    "/proc/buddyinfo",
    "/proc/bootconfig",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/diskstats",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/modules",
    "/proc/partitions",
    "/proc/sys/kernel/random/boot_id",
    "/proc/version",
    "/proc/vmallocinfo",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/sys/class/dmi",
    "/sys/devices/virtual/dmi",
    "/sys/kernel",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

HOST_FILES = {
    "hosts": f"127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost\n",
    "resolv.conf": "",
    "hostname": f"{HOSTNAME}\n",
}
"""The files under `/etc` that Docker would write by itself."""

# runc allows a mount over these few files of /proc only.
_PROC_FILES = {
    "cpuinfo": (
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 15\nmodel name\t: x86-64\n"
        "stepping\t: 0\ncpu MHz\t\t: 1000.000\ncache size\t: 1024 KB\ncpu cores\t: 1\nsiblings\t: 1\nfpu\t\t: yes\n"
        "flags\t\t: fpu tsc msr cx8 cmov mmx fxsr sse sse2 syscall nx lm\nbogomips\t: 2000.00\n\n"
    ),
    "meminfo": (
        "MemTotal:        4194304 kB\nMemFree:         4194304 kB\nMemAvailable:    4194304 kB\n"
        "Buffers:               0 kB\nCached:                0 kB\n"
        "SwapTotal:             0 kB\nSwapFree:              0 kB\n"
    ),
    "loadavg": "0.00 0.00 0.00 1/1 1\n",
    "swaps": "Filename\tType\tSize\tUsed\tPriority\n",
    "uptime": "1.00 1.00\n",
}


def fixed_files(directory: Path) -> tuple[Bind, ...]:
    """Write the fixed files into a directory and return where each is bound."""
    directory.mkdir(parents=True, exist_ok=True)
    places = {f"/proc/{name}": content for name, content in _PROC_FILES.items()}
    places |= {f"/etc/{name}": content for name, content in HOST_FILES.items()}
    binds = []
    for target, content in places.items():
        path = directory / target.strip("/").replace("/", "-")
        path.write_text(content)
        path.chmod(0o644)
        binds.append(Bind(path, target))
    return tuple(binds)
