"""What a sandbox shows of its machine: the same on every host.

Files of the kernel about the real processor, memory or network are masked, or hidden by fixed files. uname(2),
mountinfo and the cpuid instruction remain. Two files come from the host: Docker's init, and libfaketime for another
clock.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from farm.container.sandbox_spec import HOSTNAME, Bind
from farm.errors import FarmError

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
"""The files in `/etc` that Docker would write itself."""

# runc allows mounts over only these files of /proc.
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


INIT_PLACE = "/run/init"
FAKETIME_PLACE = "/run/libfaketime.so.1"

# Where Docker's packages install programs that users do not call.
_ENGINE_DIRECTORIES = ("/usr/libexec/docker", "/usr/local/libexec/docker")
_FAKETIME_PATTERN = "usr/lib/*/faketime/libfaketime.so.1"


def bind_init() -> Bind:
    """Return the bind of Docker's static init (tini), which reaps the processes that a build leaves.

    The engine's own `Init` setting would mount it in `/sbin`, which the bind of `/usr` then covers. Raises the error
    `host-binary-missing`.
    """
    path = shutil.which("docker-init", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ENGINE_DIRECTORIES)))
    if path is None:
        raise _missing("docker-init", "docker.io")
    return Bind(Path(path).resolve(), INIT_PLACE)


def bind_faketime() -> Bind:
    """Return the bind of libfaketime. Raises the error `host-binary-missing`."""
    for library in sorted(Path("/").glob(_FAKETIME_PATTERN)):
        return Bind(library.resolve(), FAKETIME_PLACE)
    raise _missing("libfaketime", "libfaketime")


def _missing(name: str, package: str) -> FarmError:
    return FarmError(
        f"{name} is not installed", remedy=f"Install the Debian package {package}.", code="host-binary-missing"
    )
