"""The limits of a check: seconds and memory. A check that exceeds them ends the process."""

from __future__ import annotations

import faulthandler
import os
import resource
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_GRACE = 5.0
"""Seconds for Python code to end the process, before a thread outside the interpreter ends it."""


class CheckDeadline:
    """Ends the process when a check takes too long, and writes the stack of each thread to standard error.

    A Python thread does so, which can safely read the stacks of the others. If a loop in a library's C code never
    releases the interpreter, a thread of `faulthandler` does it a little later: it may read the stacks only because
    nothing but that loop runs.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[object, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Limit the time of the block."""
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        with self._lock:
            self._ends[timer] = time.monotonic() + self._seconds + _GRACE
            self._arm()
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                del self._ends[timer]
                self._arm()

    def _arm(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._ends:
            faulthandler.dump_traceback_later(max(0.001, min(self._ends.values()) - time.monotonic()), exit=True)

    def _end(self) -> None:
        sys.stderr.write(f"Timeout: a check has not ended within {self._seconds:g} s. Where each thread was:\n")
        sys.stderr.flush()
        faulthandler.dump_traceback(all_threads=True)
        os._exit(1)  # not an exception, which the checking code could catch


def bound_memory(mebibytes: int) -> None:
    """Limit the address space of this process: beyond it Python raises `MemoryError`."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mebibytes << 20
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)  # the parent may have set a lower one
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
