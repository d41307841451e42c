"""Locks of files that other processes may hold; a caller that has to wait can be notified."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

    Waiting = Callable[[Path], None]


def no_progress(_place: Path) -> None:
    """Do nothing."""


def take_lock(file: IO[str] | int, kind: int, place: Path, waiting: Waiting) -> None:
    """Take a lock of `fcntl.flock`; calls `waiting` with the locked place before it waits for another process."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting(place)
        fcntl.flock(file, kind)


@contextmanager
def locked_if_free(file: Path) -> Iterator[bool]:
    """Hold the lock of `file`, and yield True; yield False at once where somebody else holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of `file`, which is made if it is missing, like its directory; waits for other processes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
