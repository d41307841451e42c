"""Watches which files of some directories any process opens (inotify(7)). It never reads a file itself.

The kernel reports an opened file at once, and reports when it has lost events. It reports reading only through read(2),
and a linker maps archives: so opening is what counts.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# <sys/inotify.h>
_IN_OPEN, _IN_ONLYDIR, _IN_DONT_FOLLOW = 0x20, 0x0100_0000, 0x0200_0000
_IN_UNMOUNT, _IN_Q_OVERFLOW, _IN_IGNORED, _IN_ISDIR = 0x2000, 0x4000, 0x8000, 0x4000_0000
_LOST = _IN_UNMOUNT | _IN_Q_OVERFLOW | _IN_IGNORED
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_QUEUE_BYTES = 1 << 18
# The kernel keeps 16,384 events by default: in so short a time no build opens as many files.
_PAUSE_MILLISECONDS = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """The files that were opened, below the directories as they were given.

    `is_complete` is false when some may be missing: the machine had no watch left, or events came faster than they
    were read.
    """

    files: frozenset[Path]
    is_complete: bool


class OpenWatch:
    """Watches the files directly in `directories`, from `with` until `end`."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = tuple(directories)
        self._places: dict[int, Path] = {}
        self._seen: set[tuple[int, bytes]] = set()
        self._complete = True
        self._queue = -1
        self._stop = (-1, -1)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> OpenWatch:
        if not self._directories:
            return self
        library = ctypes.CDLL(None, use_errno=True)
        self._queue = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._queue < 0:
            self._complete = False
            return self
        for directory in self._directories:
            mask = _IN_OPEN | _IN_ONLYDIR | _IN_DONT_FOLLOW
            watch = library.inotify_add_watch(self._queue, os.fsencode(directory), mask)
            if watch < 0:
                self._complete = False
            else:
                self._places[watch] = directory
        self._stop = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._follow, name="open watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> Opened:
        """Stop watching, and return the files opened until now; a second call returns the same."""
        if self._thread is not None:
            os.write(self._stop[1], b".")
            self._thread.join()
            self._thread = None
            for descriptor in (self._queue, *self._stop):
                os.close(descriptor)
        return Opened(frozenset(self._places[watch] / os.fsdecode(name) for watch, name in self._seen), self._complete)

    def _follow(self) -> None:
        something, stop = select.poll(), select.poll()
        something.register(self._queue, select.POLLIN)
        for poll in (something, stop):
            poll.register(self._stop[0], select.POLLIN)
        try:
            stopping = False
            while not stopping:
                something.poll()
                # Not at each event, which would interrupt a compiler a thousand times a second.
                stopping = bool(stop.poll(_PAUSE_MILLISECONDS))
                # Also when stopping: events from before are in the queue by now.
                self._take_all()
        except OSError:
            self._complete = False

    def _take_all(self) -> None:
        while True:
            try:
                events = os.read(self._queue, _QUEUE_BYTES)
            except BlockingIOError:
                return
            for watch, mask, name in _events(events):
                if mask & _LOST:
                    self._complete = False
                elif name and not mask & _IN_ISDIR:
                    self._seen.add((watch, name))


def _events(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield watch, mask and name of each event."""
    at = 0
    while at < len(content):
        watch, mask, _, length = _EVENT.unpack_from(content, at)
        at += _EVENT.size
        yield watch, mask, content[at : at + length].rstrip(b"\0")
        at += length
