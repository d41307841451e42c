"""The file system that a build, a test or a late-bound run sees, put together from a composition on the host.

No image is made for it: the packages are bound from the host's cache, and one directory of links gives them their
places under `/usr` and `/etc`; in a build it lies over the toolchain. Cheap to make, and gone with its directory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.container.mounts import mount_overlay
from farm.container.sandbox_spec import BUILD_USER, Bind
from farm.container.sandbox_view import HOST_FILES
from farm.core.fileset.archive import MTIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.core.fileset.forest import Forest

_TOPS = ("usr", "etc")
_OPEN = 0o755
# The binds are read-only, so what the sandbox mounts something on must be there before.
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
    """Return whether a directory still holds what `render_links` wrote there for this forest, and nothing else."""
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
                    elif not (_is_link_to(item, links.get(path)) or (path in files and _is_file(item))):
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
    """Return the binds of unpacked packages, given by the last part of their store path."""
    return tuple(Bind(path, f"/packages/{store}") for store, path in sorted(packages.items()))


def mount_alone(directory: Path, package: Path) -> Path:
    """Mount a package of the host's cache once more, read-only, and return where: nothing else on the host uses that.

    What is opened there was opened through this mount, so that a watch on it hears of no other build. Makes mounts
    below the empty `directory`, which its owner unmounts. Raises `MountError`, `OSError`.
    """
    nothing, target = directory / "nothing", directory / "package"
    for path in (nothing, target):
        path.mkdir(parents=True)
    # Bound a second time it would be the same inodes. An overlay has its own; one of a single layer is refused.
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
        # A set may bring its own: where that is a link, the mount lands on what it points at.
        if not path.is_symlink():
            path.write_text(content)
            path.chmod(0o644)
            os.utime(path, (MTIME, MTIME))
    for name in (*_TOPS, *forest.directories):
        (directory / name).chmod(_OPEN)  # whatever the umask: another user may be the one that runs
    for parent, _, _ in os.walk(directory, topdown=False):
        os.utime(parent, (MTIME, MTIME))


def _is_open_directory(item: os.DirEntry[str]) -> bool:
    return item.is_dir(follow_symlinks=False) and item.stat(follow_symlinks=False).st_mode & 0o777 == _OPEN


def _is_link_to(item: os.DirEntry[str], target: str | None) -> bool:
    return target is not None and item.is_symlink() and os.readlink(item.path) == target  # noqa: PTH115  (exactly)


def _is_file(item: os.DirEntry[str]) -> bool:
    return item.is_file(follow_symlinks=False)
