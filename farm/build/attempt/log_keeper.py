"""Keeps the log of an attempt: records go to whoever follows them, and into a blob; the last lines stay at hand."""

from __future__ import annotations

import json
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from farm.container.log_record import LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

    LogSink: TypeAlias = Callable[[LogRecord], None]

_LAST_LINES = 20
_LAST_LINE_LENGTH = 300


class LogKeeper:
    """A context manager that takes records until `commit` has made the blob: JSON lines in the order of their coming.

    A record is larger than its line, and an empty line costs a record too: when `most_bytes` of records have come,
    further ones are dropped and `full` is true.
    """

    def __init__(self, store: BlobStore, sink: LogSink, *, most_bytes: int) -> None:
        self._writer = store.writer()
        self._sink = sink
        self._most_bytes = most_bytes
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self.full = False

    def __call__(self, record: LogRecord) -> None:
        """Keep a record and pass it on."""
        line = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if self._writer.size + len(line) >= self._most_bytes:
            self.full = True
            return
        self._writer.write(line + b"\n")
        if record.stream != "farm":
            self._last.append(record.text[:_LAST_LINE_LENGTH])
        self._sink(record)

    def say(self, text: str) -> None:
        """Keep a line of the worker's own."""
        self(LogRecord(time.time(), "farm", "", text))

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What the build said last, each line cut short."""
        return tuple(self._last)

    def commit(self) -> Digest:
        """Store the log and return its digest; nothing can be added afterwards."""
        return self._writer.commit()

    def __enter__(self) -> LogKeeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)
