"""Whether what lies in a directory is as this user put it there: nobody else may write to it, but root.

Blobs are verified whenever they are read. What is unpacked is verified once, and its files are then run as they lie.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_OTHERS = 0o022
"""The right of a group, or of everybody, to write; a sticky bit takes nothing of it from who makes a name first."""
_CACHES = ("packages", "blobs")


class NotOwnDirectoryError(FarmError):
    """Others than this user and root can change what lies in a directory, and would so decide what this user runs."""

    code = "not-own-directory"


def make_own(host: Path) -> None:
    """Make the directory that holds a host's cache, for this user alone, if it is not there. Raises `OSError`."""
    host.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _CACHES:
        (host / name).mkdir(mode=0o755, exist_ok=True)


def check_own(host: Path) -> None:
    """See that nobody but this user and root may write to a host's cache. Looks at three directories.

    Raises `NotOwnDirectoryError`.
    """
    for place in _present(host, *(host / name for name in _CACHES)):
        found = place.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise NotOwnDirectoryError(
                f"{place} belongs to {_name(found.st_uid)}, who could change what {_name(os.geteuid())} runs from it",
                remedy="Let FARM_HOST name a directory of this user's own: packages are not shared between users.",
            )
        if found.st_mode & _OTHERS:
            who = "everybody" if found.st_mode & 0o002 else "its group"
            raise NotOwnDirectoryError(
                f"{who} may write to {place}, and could change what {_name(os.geteuid())} runs from it",
                remedy=f"Take the right from them: `chmod go-w {place}`, then see what they have changed: "
                "`farm verify --cache`. Or let FARM_HOST name another directory.",
            )


def _present(*places: Path) -> Iterable[Path]:
    return (place for place in places if place.exists())


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
