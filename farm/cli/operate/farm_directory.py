"""Whether a directory can be a farm's, and taking it for one process: two farms in one would undo each other's work."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.cli.operate.farm_home import FarmHome

_LONGEST_SOCKET_PATH = 107
"""Bytes; the kernel's limit for the address of a Unix socket."""
_SPECIAL_IN_URLS = "?#%"


class UnusableDirectoryError(FarmError):
    """The path of a farm's directory fits neither into a URL nor into the address of a socket."""

    code = "unusable-directory"


class FarmRunningError(FarmError):
    """Another process runs a farm in this directory."""

    code = "farm-running"

    def __init__(self, process: str) -> None:
        known = f" (process {process})" if process else ""
        super().__init__(
            f"a farm is running in this directory{known}",
            remedy="Stop it first, or name another directory in FARM_STATE.",
        )


def check_directory(home: FarmHome) -> None:
    """Refuse a directory whose path the database's URL or a socket cannot hold: `UnusableDirectoryError`."""
    root = str(home.root)
    if special := [url for url in _SPECIAL_IN_URLS if url in root]:
        raise UnusableDirectoryError(
            f"the path of the farm's directory must not have {' or '.join(special)} in it, for URLs: {root}",
            remedy="Name a directory without them in FARM_STATE.",
        )
    excess = max(len(os.fsencode(path)) for path in (home.redis, home.signer, home.image_signer)) - _LONGEST_SOCKET_PATH
    if excess > 0:
        raise UnusableDirectoryError(
            f"the path of the farm's directory is too long for the sockets below it, by {excess} bytes: {root}",
            remedy="Name a directory with a shorter path in FARM_STATE.",
        )


def take_directory(home: FarmHome) -> int:
    """Hold the directory for this process; raises `FarmRunningError`, before anything but `run` is made.

    The file descriptor that is returned holds it; left open, it does so until the process ends, however it ends.
    """
    for folder in (home.root, home.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        process = os.read(lock, 32).decode().strip()
        os.close(lock)
        raise FarmRunningError(process) from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock
