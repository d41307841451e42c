"""The file system that a build, a test or a late-bound run sees, made from a composition on the host.

No image is made for it: the packages are bound from the host's cache, and a directory of links puts them in `/usr` and
`/etc`; in a build it lies over the toolchain. A build installs into a bounded volume that the host mounts, and reads
only after the container has stopped: a volume of the container would be gone with it, a directory of the disk
unbounded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.mounts import mount_overlay, mount_tmpfs
from farm.container.sandbox_spec import BUILD_USER, Bind
from farm.container.sandbox_view import HOST_FILES
from farm.core.fileset.archive import MTIME
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.core.fileset.forest import Forest


_TOPS = ("usr", "etc")
_OPEN = 0o755
# The binds are read-only, so that the sandbox's mount points must exist before.
_MOUNT_POINTS = {f"etc/{name}": content for name, content in HOST_FILES.items()}
_BUILD_ACCOUNTS = {
    "etc/passwd": f"root:x:0:0::/root:/usr/bin/sh\nbuilder:x:{BUILD_USER}:{BUILD_USER}::/build:/usr/bin/sh\n",
    "etc/group": f"root:x:0:\nbuilder:x:{BUILD_USER}:\n",
}


def render_links(directory: Path, forest: Forest) -> tuple[Bind, ...]:
    """Write a forest of links into an empty directory and return the binds of `usr` and `etc`. Raises `OSError`."""
    _write(directory, forest, _MOUNT_POINTS)
    return tuple(Bind(directory / top, f"/{top}") for top in _TOPS)


def are_rendered(directory: Path, forest: Forest) -> bool:
    """Return whether a directory still holds exactly what `render_links` wrote there for this forest."""
    links, places = dict(forest.links), {*_TOPS, *forest.directories}
    files = {name for name in _MOUNT_POINTS if name not in links}
    found: set[str] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(directory / below) as items:
                for item in items:
                    path = below + item.name
                    found.add(path)
                    if path in places and _is_open_directory(item):
                        waiting.append(f"{path}/")
                    elif not (
                        _is_link_to(item, links.get(path)) or (path in files and item.is_file(follow_symlinks=False))
                    ):
                        return False
        except OSError:
            return False
    return found == {*links, *places, *files}


def mount_links(directory: Path, forest: Forest, toolchain: Path) -> tuple[Bind, ...]:
    """Write a forest of links, mount it over a toolchain's root, and return the binds of `usr`, `etc` and `var`.

    Makes mounts below the empty `directory`, which its owner unmounts. Raises `MountError`, `OSError`.
    """
    links = directory / "links"
    _write(links, forest, _MOUNT_POINTS | _BUILD_ACCOUNTS)
    binds = []
    for top in _TOPS:
        target = directory / top
        target.mkdir()
        mount_overlay(target, (links / top, toolchain / top))
        binds.append(Bind(target, f"/{top}"))
    if (toolchain / "var").is_dir():
        binds.append(Bind(toolchain / "var", "/var"))
    return tuple(binds)


def bind_packages(packages: Mapping[str, Path]) -> tuple[Bind, ...]:
    """Return the binds of unpacked packages, which are by the last part of their store path."""
    return tuple(Bind(path, f"/packages/{store}") for store, path in sorted(packages.items()))


def mount_alone(directory: Path, package: Path) -> Path:
    """Mount a package of the host's cache again, read-only, for one build alone, and return where.

    A watch on it sees only files that were opened through this mount, and none of another build. Makes mounts below the
    empty `directory`, which its owner unmounts. Raises `MountError`, `OSError`.
    """
    nothing, target = directory / "nothing", directory / "package"
    for path in (nothing, target):
        path.mkdir(parents=True)
    # A second bind would have the same inodes. An overlay has its own, but needs two layers.
    mount_overlay(target, (nothing, package))
    return target


def _write(directory: Path, forest: Forest, files: Mapping[str, str]) -> None:
    for name in (*_TOPS, *forest.directories):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for link, target in forest.links:
        (directory / link).symlink_to(target)
        os.utime(directory / link, (MTIME, MTIME), follow_symlinks=False)
    for name, content in files.items():
        path = directory / name
        # A set may have its own: if that is a link, the mount covers its target.
        if not path.is_symlink():
            path.write_text(content)
            path.chmod(0o644)
            os.utime(path, (MTIME, MTIME))
    for name in (*_TOPS, *forest.directories):
        (directory / name).chmod(_OPEN)  # whatever the umask: another user may run it
    for parent, _, _ in os.walk(directory, topdown=False):
        os.utime(parent, (MTIME, MTIME))


def _is_open_directory(item: os.DirEntry[str]) -> bool:
    return item.is_dir(follow_symlinks=False) and item.stat(follow_symlinks=False).st_mode & 0o777 == _OPEN


def _is_link_to(item: os.DirEntry[str], target: str | None) -> bool:
    return target is not None and item.is_symlink() and os.readlink(item.path) == target  # noqa: PTH115  (exactly)


def refuse_others(directory: Path) -> None:
    """Raise `PermissionError` unless only root may enter a directory, in which files of a build are."""
    if directory.stat().st_mode & 0o077:
        raise PermissionError(f"{directory} must have mode 0700: other users could reach what a build writes")


_INODE_BYTES = 4096
_FEWEST_INODES = 16_384


class OutputFullError(FarmError):
    """A build filled its output volume."""

    code = "output-limit"

    def __init__(self, what: str, limit_mb: int) -> None:
        super().__init__(
            f"the build filled its output volume: no {what} left of output-mb = {limit_mb}",
            remedy="Install less, or raise limits.output-mb in the recipe.",
        )


@dataclass(frozen=True, slots=True)
class OutputVolume:
    """A mounted tmpfs of `limit_mb` MiB that belongs to the build user."""

    path: Path
    limit_mb: int

    @classmethod
    def mount(cls, path: Path, *, limit_mb: int, owner: int) -> OutputVolume:
        """Mount a volume on the directory `path`, whose parent only root may enter.

        It has an inode for each 4 KiB, and at least 16,384. Raises `MountError`.
        """
        refuse_others(path.parent)
        size = limit_mb * 1024 * 1024
        mount_tmpfs(path, size=size, inodes=max(size // _INODE_BYTES, _FEWEST_INODES), owner=owner)
        return cls(path, limit_mb)

    def check_not_full(self) -> None:
        """Raise `OutputFullError` if the volume is full: installed files may be truncated."""
        state = os.statvfs(self.path)
        if state.f_bfree == 0:
            raise OutputFullError("space", self.limit_mb)
        if state.f_files and state.f_ffree == 0:  # btrfs, where a kept build may be, counts no inodes
            raise OutputFullError("file entries", self.limit_mb)
