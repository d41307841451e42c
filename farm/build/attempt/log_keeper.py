"""Keeps the log of an attempt: passes records on, writes them into a blob, and remembers the last lines."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.container.log_record import LogRecord
from farm.container.sandbox_spec import MB

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Limits
    from farm.store.blobs import BlobStore

    LogSink: TypeAlias = Callable[[LogRecord], None]

_RECORD_FACTOR = 4
_LAST_LINES = 20
_LAST_LINE_LENGTH = 300


class LogKeeper(AbstractContextManager["LogKeeper"]):
    """A context manager that takes records until `commit` makes a blob of them: JSON lines in the order of arrival.

    Where the records take more than four times the log limit, further ones are dropped and `full` is true: a record is
    larger than its line, and even an empty line makes one.
    """

    def __init__(self, store: BlobStore, sink: LogSink, limits: Limits) -> None:
        self._writer = store.writer()
        self._sink = sink
        self._most_bytes = limits.log_mb * MB * _RECORD_FACTOR
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self.full = False

    def __call__(self, record: LogRecord) -> None:
        """Add a record, and pass it on."""
        line = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if self._writer.size + len(line) >= self._most_bytes:
            self.full = True
            return
        self._writer.write(line + b"\n")
        if record.stream != "farm":
            self._last.append(record.text[:_LAST_LINE_LENGTH])
        self._sink(record)

    def say(self, text: str) -> None:
        """Add a line of the worker itself."""
        self(LogRecord(time.time(), "farm", "", text))

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of the build, each cut short."""
        return tuple(self._last)

    def commit(self) -> Digest:
        """Store the log and return its digest; nothing can be added afterwards."""
        return self._writer.commit()

    def __exit__(self, *failure: Any) -> None:
        self._writer.__exit__(*failure)
