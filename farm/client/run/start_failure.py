"""Why bubblewrap could not start a command: it ends with 1 then, as many a program does; Docker says 127 or 126."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from farm.container.sandbox_spec import Bind

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_MOST_LINKS = 40


def unstartable(command: str, environment: Mapping[str, str], workdir: str, mounts: Sequence[Bind]) -> int | None:
    """Return the status for a command that cannot be started, None where it can, or nobody can tell.

    Of `mounts` those that cover others come after these.
    """
    if "/" in command:
        places = [str(PurePosixPath(workdir) / command)]
    else:
        places = [f"{folder}/{command}" for folder in environment.get("PATH", "").split(":") if folder]
    found = [path for path in (_on_the_host(place, mounts) for place in places) if path and os.path.lexists(path)]
    if not found:
        return NOT_FOUND
    return None if any(path.is_file() and path.stat().st_mode & 0o111 for path in found) else NOT_EXECUTABLE


def _on_the_host(place: str, mounts: Sequence[Bind]) -> Path | None:
    """Return what lies at a path inside, links followed as they lead there; None where nothing is mounted."""
    for _ in range(_MOST_LINKS):
        path = _source(place, mounts)
        if path is None or not path.is_symlink():
            return path
        place = os.path.normpath(PurePosixPath(place).parent / path.readlink())
    return None


def _source(place: str, mounts: Iterable[Bind]) -> Path | None:
    inside = PurePosixPath(os.path.normpath(place))
    found = None
    for mount in mounts:
        if inside.is_relative_to(mount.target):
            found = mount.source / inside.relative_to(mount.target)
    return found
