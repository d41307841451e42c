"""Notes which files of some directories are opened, by whomever: inotify(7). It never looks into a file itself.

The kernel tells of an opened file at once and loses nothing without saying so. Of reading it tells only what goes
through read(2): a linker that maps an archive reads it unseen, which is why opening is what counts here.
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
    from types import TracebackType

# <sys/inotify.h>
_IN_OPEN, _IN_ONLYDIR, _IN_DONT_FOLLOW = 0x20, 0x0100_0000, 0x0200_0000
_IN_UNMOUNT, _IN_Q_OVERFLOW, _IN_IGNORED, _IN_ISDIR = 0x2000, 0x4000, 0x8000, 0x4000_0000
_LOST = _IN_UNMOUNT | _IN_Q_OVERFLOW | _IN_IGNORED
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_QUEUE_BYTES = 1 << 18
# The kernel keeps 16,384 events unless it is told otherwise: in so short a time nobody opens as many files.
_PAUSE_MILLISECONDS = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """The files that were opened, each its directory as it was given and its name.

    `is_complete` is false when something may be missing: the machine had no watch left, or events came faster than
    they were taken.
    """

    files: frozenset[Path]
    is_complete: bool


class OpenWatch:
    """Watches what lies directly in each of `directories`, from `with` until `end`."""

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> Opened:
        """Stop watching, and return all that was opened until now. What is asked again is told again."""
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
                # Not at each event: that would take a compiler's processor from it a thousand times a second.
                stopping = bool(stop.poll(_PAUSE_MILLISECONDS))
                # After the word to stop too: what had happened before it is in the queue by now.
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
    """Give watch, mask and name of each event."""
    at = 0
    while at < len(content):
        watch, mask, _, length = _EVENT.unpack_from(content, at)
        at += _EVENT.size
        yield watch, mask, content[at : at + length].rstrip(b"\0")
        at += length
