"""What to run in a sandbox, and how it ended. Values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.recipe import Limits

MB = 1 << 20
BUILD_USER = 1000
NOBODY = "65534:65534"
"""The user and group that a container runs as where nothing is said."""
HOSTNAME = "farm"

Stream = Literal["stdout", "stderr"]
Ending = Literal["exited", "time", "memory", "log", "cancelled"]


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the host at a path of the container, read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty tmpfs in the container, of at most `size` bytes, which count as memory. Programs in it can run."""

    target: str
    size: int
    shared: bool = False
    """Whether its mode is 1777, as of `/tmp`, and not 0755."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a container may use: seconds of time, bytes of memory, processes, bytes of output."""

    seconds: float
    memory: int
    processes: int
    log: int

    @classmethod
    def of(cls, limits: Limits, *, minutes: int | None = None, log_mb: int = 0) -> SandboxLimits:
        """Return the limits of a recipe, with other `minutes` or another `log_mb` where these are given."""
        return cls(
            seconds=(limits.minutes if minutes is None else minutes) * 60,
            memory=limits.memory_mb * MB,
            processes=limits.processes,
            log=(log_mb or limits.log_mb) * MB,
        )


@dataclass(frozen=True, slots=True)
class Variation:
    """What a reproducibility check changes on purpose; every other build gets the defaults.

    `cpus` is a cpuset (`0`, `0-1`; empty: all), `clock_offset` the whole seconds that the clock is ahead.
    """

    hostname: str = HOSTNAME
    cpus: str = ""
    clock_offset: int = 0


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One command to run, starting in `workdir`.

    `attempt` is the directory of its attempt. The janitor recognizes the container by its `labels`, even when the
    worker is gone. A `terminal` is only for `Sandbox.converse`.
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
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """How a container ended. `ending` names the limit that ended it, or `exited`; `log` counts its bytes of output."""

    exit_code: int
    ending: Ending
    seconds: float
    log: int
