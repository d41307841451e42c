"""The mounts that farm makes on its host: bounded tmpfs volumes, read-only overlays, and a process's private view.

The only place that mounts. It calls mount(2) itself, so that no other program interprets options. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.descriptors import opened
from farm.store.ownership import places_on_the_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# <sys/mount.h>
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_SLAVE = 4096, 16384, 1 << 18, 1 << 19
_CLONE_NEWNS = 0x20000  # <sched.h>
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_OPTIONS_LIMIT = 4095  # one page with its NUL: mount(2)
_OCTAL = re.compile(r"\\([0-7]{3})")


SOURCE = "farm-attempt"
"""The source of the mounts of an attempt in the table of mounts, by which they are known when their owner is gone."""


class MountError(FarmError):
    """The kernel refused a mount or unmount with the errno `number`."""

    code = "mount-failed"

    def __init__(self, action: str, target: Path, number: int) -> None:
        super().__init__(
            f"cannot {action} {target}: {os.strerror(number)}",
            remedy="A build worker mounts its volumes itself: run it as root, on the host of its Docker Engine.",
        )
        self.target = target
        self.number = number


def mount_tmpfs(target: Path, *, size: int, inodes: int, owner: int) -> None:
    """Mount a fresh tmpfs of at most `size` bytes and `inodes` inodes, whose root belongs to user and group `owner`."""
    options = f"size={size},nr_inodes={inodes},uid={owner},gid={owner},mode=0755"
    _mount(SOURCE, target, "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def mount_overlay(target: Path, layers: Sequence[Path]) -> None:
    """Mount directories over one another, the first on top, read-only; at least two."""
    # overlayfs splits its layers at ":" and its options at ","; both may be escaped.
    lower = ":".join(re.sub(r"([\\:,])", r"\\\1", str(layer)) for layer in layers)
    _mount(SOURCE, target, "overlay", _MS_RDONLY | _MS_NOSUID | _MS_NODEV, f"lowerdir={lower}")


def show_privately(stage: Path, sources: Iterable[Path]) -> dict[Path, Path]:
    """Mount files and directories below `stage`, where every user can reach them, and return where each is.

    Only this process and its children see them: it leaves the mount namespace of its host for good, and what was at
    `stage` is hidden. Raises `MountError`, `OSError`.
    """
    _leave_namespace(stage, _MS_PRIVATE)
    with ExitStack() as stack:
        held = {source: stack.enter_context(opened(source, os.O_PATH)) for source in sources}
        _mount("tmpfs", stage, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
        shown = {}
        for number, (source, descriptor) in enumerate(held.items()):
            place = shown[source] = stage / str(number)
            _show(descriptor, place)
        return shown


def show_in_place(closed: Sequence[Path], sources: Iterable[Path], leave_out: Path) -> None:
    """Keep files and directories visible where they are, and hide all else of the directories `closed` around them.

    Only this process and its children see it so: it leaves the mount namespace of its host for good. What is unmounted
    on the host is unmounted here too; mounts at or below `leave_out` are unmounted here at once, or they would stay in
    use. Raises `MountError`, `OSError`.
    """
    passed = {Path(place) for source in sources for place, _ in places_on_the_way(str(source))}
    links = {place: place.readlink() for place in passed if place.is_symlink()}
    real = {source.resolve() for source in sources}
    _leave_namespace(closed[0], _MS_SLAVE)
    unmount_below(leave_out)
    with ExitStack() as stack:
        wanted = [source for source in sorted(real) if _is_below(source, closed)]
        held = {source: stack.enter_context(opened(source, os.O_PATH)) for source in wanted}
        for directory in closed:
            _mount("tmpfs", directory, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
        for source, descriptor in held.items():
            if not source.exists():  # otherwise it is visible in a source above it
                source.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                _show(descriptor, source)
        for place, target in links.items():
            if _is_below(place, closed) and not os.path.lexists(place):
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                place.symlink_to(target)


def _leave_namespace(place: Path, propagation: int) -> None:
    if _library().unshare(_CLONE_NEWNS) != 0:
        raise MountError("make a mount namespace for", place, ctypes.get_errno())
    _mount("none", Path("/"), "none", _MS_REC | propagation, "")


def _show(descriptor: int, place: Path) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        place.mkdir()
    else:
        place.touch()
    _mount(f"/proc/self/fd/{descriptor}", place, "none", _MS_BIND | _MS_REC, "")


def _is_below(path: Path, directories: Iterable[Path]) -> bool:
    return any(path.is_relative_to(directory) for directory in directories)


def unmount(target: Path) -> None:
    """Unmount; a place that is still in use is detached, and ends with its last user."""
    for flags in (_UMOUNT_NOFOLLOW, _UMOUNT_NOFOLLOW | _MNT_DETACH):
        if _library().umount2(os.fsencode(target), flags) == 0:
            return
    raise MountError("unmount", target, ctypes.get_errno())


def mounts_below(directory: Path) -> tuple[Path, ...]:
    """Return the mount points at or below a directory, the last mounted first, in the order to unmount them."""
    root = directory.resolve()
    return tuple(point for point, _source in _mounts() if point.is_relative_to(root))


def mounts_of_attempts() -> tuple[Path, ...]:
    """Return where attempts of any farm have mounted something, as this process sees it, the last mounted first."""
    return tuple(point for point, source in _mounts() if source == SOURCE)


def _mounts() -> tuple[tuple[Path, str], ...]:
    """Return all mount points with their sources, the last mounted first."""
    found = []
    with Path("/proc/self/mountinfo").open("rb") as table:
        for line in table:
            # proc_pid_mountinfo(5): the fifth field, and the second behind " - ", with blanks and backslashes as octal
            fields, _, system = line.partition(b" - ")
            point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), os.fsdecode(fields.split(b" ", 5)[4]))
            found.append((Path(point), os.fsdecode(system.split(b" ")[1])))
    return tuple(reversed(found))


def unmount_below(directory: Path) -> None:
    """Unmount everything at or below a directory."""
    for point in mounts_below(directory):
        unmount(point)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    encoded = os.fsencode(options)
    if len(encoded) > _OPTIONS_LIMIT:
        raise MountError(f"mount {kind} on", target, 36)  # ENAMETOOLONG
    if _library().mount(source.encode(), os.fsencode(target), kind.encode(), flags, encoded) != 0:
        raise MountError(f"mount {kind} on", target, ctypes.get_errno())


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
