"""The start of each page of a log: found by reading the bytes once, and cached.

A log only grows, so earlier results stay true; only the new end is read again. Lines are not parsed here.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.server.documents.log_store import LogStore

PAGE_LINES = 1000
PAGE_BYTES = 512 * 1024
_PIECE = 1 << 20
_REMEMBERED = 256


class PageStart(NamedTuple):
    """The first line of a page (from 1 on), and where in the file it begins."""

    line: int
    offset: int


@dataclass
class LogIndex:
    """The index of one log so far. `lines` and `size` count whole lines."""

    starts: list[PageStart] = field(default_factory=lambda: [PageStart(1, 0)])
    lines: int = 0
    size: int = 0

    def page_of(self, line: int) -> int:
        """Return the number of the page (from 0 on) that holds a line; beyond the end it is the last one."""
        return max(bisect_right(self.starts, line, key=lambda start: start.line) - 1, 0)

    def extent(self, page: int) -> tuple[PageStart, int]:
        """Return where a page begins, and the offset where it ends."""
        following = page + 1
        return self.starts[page], self.starts[following].offset if following < len(self.starts) else self.size

    def copy(self) -> LogIndex:
        """Return a copy that can be extended while others read this one."""
        return LogIndex(list(self.starts), self.lines, self.size)

    def add(self, piece: bytes) -> None:
        """Add the next whole lines."""
        end = 0
        while newline := piece.find(b"\n", end) + 1:
            start = self.starts[-1]
            if self.lines + 1 - start.line >= PAGE_LINES or self.size + end - start.offset >= PAGE_BYTES:
                self.starts.append(PageStart(self.lines + 1, self.size + end))
            self.lines += 1
            end = newline
        self.size += end


class LogIndexes:
    """The indexes of the most recently read logs."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs
        self._known: OrderedDict[int, LogIndex] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, attempt_id: int) -> LogIndex:
        """Return the present index of a log, after reading what was added."""
        with self._lock:
            known = self._known.get(attempt_id)
        # Others may read other logs, or this one, meanwhile: cached values are never changed, only replaced.
        index = known.copy() if known else LogIndex()
        while piece := self._logs.lines(attempt_id, index.size, most=_PIECE):
            index.add(piece)
        with self._lock:
            self._known[attempt_id] = index
            self._known.move_to_end(attempt_id)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return index

    def line_at(self, attempt_id: int, offset: int) -> int | None:
        """Return the number of the line that begins at an offset; None if none begins there, now or next."""
        index = self.of(attempt_id)
        if offset > index.size:
            return None
        page = bisect_right(index.starts, offset, key=lambda start: start.offset) - 1
        line, position = index.starts[page]
        while position < offset:
            wanted = self._logs.lines(attempt_id, position, most=_PIECE)[: offset - position]
            line += wanted.count(b"\n")
            position += len(wanted)
            if position == offset and not wanted.endswith(b"\n"):
                return None
        return line
