"""The directories that the steps of a build write: `/build`, `/tmp` and `/out`, and what each may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.attempt.constant_environment import OUTPUT
from farm.container.disk_allowance import DiskAllowance
from farm.container.environment import OutputVolume, refuse_others
from farm.container.mounts import mount_tmpfs
from farm.container.sandbox_spec import BUILD_USER, MB, Bind, Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from farm.container.attempt_directory import AttemptDirectory
    from farm.core.recipe.recipe import Limits

BUILD, TEMPORARY = "/build", "/tmp"  # noqa: S108  # inside the container
DIRECTORIES = {"build": BUILD, "tmp": TEMPORARY, "out": OUTPUT}
"""The directories of a workspace that is on the host: name below it → place in the container."""

# As many as a container's own tmpfs has, or nearly.
_INODES = 1 << 20


@dataclass(frozen=True)
class Workspace:
    """The writable directories of one build. `on_host` contains those of `DIRECTORIES`, if they are on the host."""

    out: OutputVolume
    scratch: tuple[Scratch, ...] = ()
    on_host: Path | None = None
    allowance: DiskAllowance | None = None
    """What may be added, where no file system of its own sets a limit."""

    @classmethod
    def of_container(cls, attempt: AttemptDirectory, limits: Limits) -> Workspace:
        """Return a workspace whose `/build` and `/tmp` are gone with the container. Raises `MountError`."""
        out = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=limits.output_mb, owner=BUILD_USER)
        memory = limits.memory_mb * MB
        return cls(out, (Scratch(BUILD, memory), Scratch(TEMPORARY, memory // 4, shared=True)))

    @classmethod
    def of_attempt(cls, attempt: AttemptDirectory, limits: Limits) -> Workspace:
        """Return a workspace that is gone with the attempt, and can be copied before. Its limits are the same.

        What the container writes counts as its memory here too. Raises `MountError`.
        """
        place = attempt.subdirectory("workspace")
        place.chmod(0o700)
        memory = limits.memory_mb * MB
        for name, size, mode in (("build", memory, 0o755), ("tmp", memory // 4, 0o1777)):
            (place / name).mkdir()
            mount_tmpfs(place / name, size=size, inodes=_INODES, owner=BUILD_USER)
            (place / name).chmod(mode)
        (place / "out").mkdir()
        out = OutputVolume.mount(place / "out", limit_mb=limits.output_mb, owner=BUILD_USER)
        return cls(out, on_host=place)

    @classmethod
    def of_directory(cls, place: Path, limits: Limits) -> Workspace:
        """Return the workspace in a directory of the disk, with an allowance in place of limits of its own.

        Raises `PermissionError` where other users can enter the directory.
        """
        refuse_others(place)
        most = (limits.memory_mb + limits.memory_mb // 4 + limits.output_mb) * MB
        return cls(OutputVolume(place / "out", limits.output_mb), on_host=place, allowance=DiskAllowance(place, most))

    @property
    def binds(self) -> tuple[Bind, ...]:
        """The binds of the directories that are on the host."""
        if self.on_host is None:
            return (Bind(self.out.path, OUTPUT, writable=True),)
        return tuple(Bind(self.on_host / name, target, writable=True) for name, target in DIRECTORIES.items())

    def is_overfull(self) -> bool:
        """Return whether more was added than the allowance. Cheap: it may be asked twice a second."""
        return self.allowance is not None and self.allowance.is_exceeded()
