"""What a check may cost: seconds and memory. What exceeds it ends, and with it the process where nothing else helps."""

from __future__ import annotations

import faulthandler
import resource
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Deadline:
    """Ends the process when what runs in it takes too long, and says on standard error where it was.

    A thread of the interpreter's own sees to it, so that no loop in a library's C code can hold it up.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[object, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Allow what is done within the time."""
        key = object()
        with self._lock:
            self._ends[key] = time.monotonic() + self._seconds
            self._arm()
        try:
            yield
        finally:
            with self._lock:
                del self._ends[key]
                self._arm()

    def _arm(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._ends:
            faulthandler.dump_traceback_later(max(0.001, min(self._ends.values()) - time.monotonic()), exit=True)


def bound_memory(mebibytes: int) -> None:
    """Let this process have no more address space than so much: beyond it Python raises `MemoryError`."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mebibytes << 20
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)  # who started it may have set a lower one
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
