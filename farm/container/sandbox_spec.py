"""What is to run in a sandbox, and how it ended: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

BUILD_USER = 1000
HOSTNAME = "farm"

Stream = Literal["stdout", "stderr"]
Ending = Literal["exited", "time", "memory", "log", "cancelled"]


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the host's at a path of the container's, read-only unless it says otherwise."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty executable tmpfs of the container's own, `size` bytes at most; its pages count as memory."""

    target: str
    size: int
    shared: bool = False
    """Whether it has the mode of `/tmp` (1777) rather than the build user's own (0755)."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a container may use: seconds of time, bytes of memory, processes, bytes of output, processors (0: all)."""

    seconds: float
    memory: int
    processes: int
    log: int
    processors: float = 0.0


@dataclass(frozen=True, slots=True)
class Variation:
    """What a reproducibility check changes on purpose; the plain values are what every build otherwise gets.

    `cpus` is a cpuset (`0`, `0-1`; empty: all of the machine's), `clock_offset` whole seconds that the clock is ahead.
    """

    hostname: str = HOSTNAME
    cpus: str = ""
    clock_offset: int = 0


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One command to run, starting in `workdir`.

    `attempt` is the directory of the attempt that it is part of. By `labels` the janitor knows the container, whatever
    became of its worker.
    """

    command: tuple[str, ...]
    binds: tuple[Bind, ...]
    limits: SandboxLimits
    attempt: Path
    labels: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...] = ()
    scratch: tuple[Scratch, ...] = ()
    workdir: str = "/"
    user: int = BUILD_USER
    variation: Variation = field(default_factory=Variation)


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """How a container ended. `ending` names the limit that ended it, or `exited`; `log` counts its bytes of output."""

    exit_code: int
    ending: Ending
    seconds: float
    log: int
