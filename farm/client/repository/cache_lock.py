"""The lock of a host's shared cache: many commands may use the cache at once, or one may remove from it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.store.descriptors import opened
from farm.store.locks import no_progress, take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.store.locks import Waiting


class CacheLock:
    """A lock on the blobs and packages of one host. It is taken before the lock of any root."""

    def __init__(self, shared: Path) -> None:
        self._path = shared / ".users"

    def used(self, waiting: Waiting = no_progress) -> AbstractContextManager[None]:
        """Prevent removal until the end of the block: what was found or fetched in the block stays."""
        return self._held(fcntl.LOCK_SH, waiting)

    def alone(self, waiting: Waiting = no_progress) -> AbstractContextManager[None]:
        """Wait until no command uses the cache, and keep others out until the end of the block."""
        return self._held(fcntl.LOCK_EX, waiting)

    @contextmanager
    def _held(self, kind: int, waiting: Waiting) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened(self._path, os.O_RDONLY | os.O_CREAT) as descriptor:
            take_lock(descriptor, kind, self._path.parent, waiting)
            yield
