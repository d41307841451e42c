"""Keeps the log of an attempt: passes records on, writes them into a blob, and looks for the first error."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.container.log_record import LogRecord
from farm.container.sandbox_spec import MB
from farm.core.buildlog.log_line import WORKERS_STREAM, LogLine
from farm.core.buildlog.recogniser import Recogniser

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.buildlog.first_error import FirstError
    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Limits
    from farm.store.blobs import BlobStore

    LogSink: TypeAlias = Callable[[LogRecord], None]

_RECORD_FACTOR = 4


class LogKeeper(AbstractContextManager["LogKeeper"]):
    """A context manager that takes records until `commit` makes a blob of them: JSON lines in the order of arrival.

    Where the records take more than four times the log limit, further ones are dropped and `full` is true: a record is
    larger than its line, and even an empty line makes one.
    """

    def __init__(self, store: BlobStore, sink: LogSink, limits: Limits) -> None:
        self._writer = store.writer()
        self._sink = sink
        self._most_bytes = limits.log_mb * MB * _RECORD_FACTOR
        self._recogniser = Recogniser()
        self._lines = 0
        self.full = False

    def __call__(self, record: LogRecord) -> None:
        """Add a record, and pass it on."""
        line = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if self._writer.size + len(line) >= self._most_bytes:
            self.full = True
            return
        self._writer.write(line + b"\n")
        self._lines += 1
        self._recogniser.see(LogLine.of(self._lines, record.stream, record.step, record.text))
        self._sink(record)

    def say(self, text: str, *, step: str = "") -> None:
        """Add a line of the worker itself, about a step or the whole attempt."""
        self(LogRecord(time.time(), WORKERS_STREAM, step, text))

    def first_error(self, step: str, status: int | None = None) -> FirstError | None:
        """Return the first error of a step that has failed just now, with `status`; None if it has printed nothing."""
        return self._recogniser.first_error(status) if self._recogniser.step == step else None

    def commit(self) -> Digest:
        """Store the log and return its digest; nothing can be added afterwards."""
        return self._writer.commit()

    def __exit__(self, *failure: Any) -> None:
        self._writer.__exit__(*failure)
