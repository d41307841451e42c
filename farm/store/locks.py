"""Taking a lock that another process may hold; a caller that has to wait is notified once."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
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
