"""Where a build installs to: a bounded volume that the host mounts, and reads only once the container has stopped.

A volume of the container's own would be gone with it; a directory of the host's disk would have no bound.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.mounts import mount_tmpfs
from farm.errors import FarmError

if TYPE_CHECKING:
    from pathlib import Path

_INODE_BYTES = 4096
_FEWEST_INODES = 16_384


class OutputFullError(FarmError):
    """A build filled its output volume; `limit_mb` is the volume's size."""

    code = "output-limit"

    def __init__(self, what: str, limit_mb: int) -> None:
        super().__init__(
            f"the build filled its output volume: no {what} left of output-mb = {limit_mb}",
            remedy="Install less, or raise limits.output-mb in the recipe.",
        )
        self.limit_mb = limit_mb


@dataclass(frozen=True, slots=True)
class OutputVolume:
    """A mounted tmpfs of `limit_mb` MiB that belongs to the build user."""

    path: Path
    limit_mb: int

    @classmethod
    def mount(cls, path: Path, *, limit_mb: int, owner: int) -> OutputVolume:
        """Mount a volume on the directory `path`, which must lie in one that only root may enter.

        One inode goes with each 4 KiB, 16,384 at least. Raises `MountError`.
        """
        if path.parent.stat().st_mode & 0o077:
            raise PermissionError(f"{path.parent} must have mode 0700: other users could reach what a build writes")
        size = limit_mb * 1024 * 1024
        mount_tmpfs(path, size=size, inodes=max(size // _INODE_BYTES, _FEWEST_INODES), owner=owner)
        return cls(path, limit_mb)

    def check_not_full(self) -> None:
        """Raise `OutputFullError` if the volume has no room left: whatever was installed may be cut short."""
        state = os.statvfs(self.path)
        if state.f_bfree == 0:
            raise OutputFullError("space", self.limit_mb)
        if state.f_ffree == 0:
            raise OutputFullError("file entries", self.limit_mb)
