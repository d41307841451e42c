"""The logs of attempts on the farm's side: structured records, one JSON line each, one file for each attempt.

Appending is by offset, so that a worker that missed the answer can send the same piece again. The files outlive
containers, workers and leases.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.api.log_lines import LONGEST_TEXT, check_lines, encode_record
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.recogniser import Recogniser
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.descriptors import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.buildlog.first_error import FirstError

_TAIL = 16 * 1024
_MOST_SCANNED = 8 << 20
"""Bytes at the end of a log in which its first error is looked for."""
_MOST_SCANS = 8
_PATIENCE, _PAUSE = 5.0, 0.05
"""Seconds to wait for others that scan a log, and between two attempts."""


class LogOffsetError(FarmError):
    """A piece of log does not begin where the log ends: at `size`."""

    code = "log-offset"

    def __init__(self, offset: int, size: int) -> None:
        super().__init__(f"the log has {size} bytes, and the piece begins at {offset}", remedy=f"Send from {size} on.")
        self.size = size


@dataclass(frozen=True, slots=True)
class LogPage:
    """Whole lines of a log from `offset` on, and where the next page begins."""

    offset: int
    next_offset: int
    records: tuple[dict[str, Any], ...]

    def placed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each record with the offset behind it."""
        position = self.offset
        for record in self.records:
            position += len(encode_record(record))
            yield position, record


@dataclass(frozen=True, slots=True)
class LogSummary:
    """Size in bytes and digest of a log."""

    size: int
    digest: Digest


class LogStore:
    """A directory of logs, `ROOT/<attempt>.jsonl`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, attempt_id: int, offset: int, piece: bytes, *, limit: int) -> int:
        """Append whole lines and return the log's size.

        A piece that was appended before changes nothing. Raises `InvalidLogError`, `LogOffsetError`, and `FarmError`
        (`log-too-long`).
        """
        check_lines(piece)
        with self._locked(attempt_id) as descriptor:
            size = os.fstat(descriptor).st_size
            if offset < size and os.pread(descriptor, len(piece), offset) == piece:
                return size
            if offset != size:
                raise LogOffsetError(offset, size)
            if size + len(piece) > limit:
                raise FarmError(
                    f"the log may have {limit} bytes",
                    remedy="Raise limits: log-mb in the recipe, or print less.",
                    code="log-too-long",
                )
            _write_all(descriptor, piece, offset)
        return size + len(piece)

    def size(self, attempt_id: int) -> int:
        """Return the size of an attempt's log in bytes."""
        try:
            return self._path(attempt_id).stat().st_size
        except FileNotFoundError:
            return 0

    def summary(self, attempt_id: int) -> LogSummary:
        """Return size and digest of an attempt's present log."""
        total = hashlib.sha256()
        size = 0
        for piece in self.pieces(attempt_id):
            total.update(piece)
            size += len(piece)
        return LogSummary(size, Digest.from_hex(total.hexdigest()))

    def pieces(self, attempt_id: int) -> Iterator[bytes]:
        """Yield an attempt's present log in pieces of limited size."""
        offset = 0
        while piece := self._piece(attempt_id, offset, 1 << 20):
            yield piece
            offset += len(piece)

    def begins_line(self, attempt_id: int, offset: int) -> bool:
        """Return whether a line begins at `offset`, or will when it is written."""
        return offset == 0 or (offset <= self.size(attempt_id) and self._piece(attempt_id, offset - 1, 1) == b"\n")

    def check_begins_line(self, attempt_id: int, offset: int) -> None:
        """Raise `FarmError` (`log-place`) when no line begins at `offset`."""
        if not self.begins_line(attempt_id, offset):
            raise FarmError(
                f"byte {offset} is not the beginning of a line of this log",
                remedy="Begin at 0, or at the `next-offset` of an earlier page.",
                code="log-place",
            )

    def page(self, attempt_id: int, offset: int, *, most: int = 256 * 1024) -> LogPage:
        """Return whole lines from `offset` on, about `most` bytes of them. Raises `FarmError` (`log-place`)."""
        self.check_begins_line(attempt_id, offset)
        whole = self.lines(attempt_id, offset, most=most)
        return LogPage(offset, offset + len(whole), tuple(json.loads(line) for line in whole.splitlines()))

    def tail(self, attempt_id: int, *, most: int) -> tuple[dict[str, Any], ...]:
        """Return the last whole lines of a log, about `most` bytes of them."""
        begin = max(0, self.size(attempt_id) - most)
        piece = self._piece(attempt_id, begin, most)
        whole = piece if begin == 0 else piece[piece.find(b"\n") + 1 :]
        return tuple(json.loads(line) for line in whole[: whole.rfind(b"\n") + 1].splitlines())

    def first_error(self, attempt_id: int) -> FirstError | None:
        """Return the first error of a failed attempt, from the end of its log; None if the failed step was silent."""
        recogniser = Recogniser()
        number, offset = self._near_end(attempt_id)
        while piece := self.lines(attempt_id, offset, most=1 << 20):
            for line in piece.splitlines():
                number += 1
                record = json.loads(line)
                recogniser.see(LogLine.of(number, record["stream"], record["step"], record["text"]))
            offset += len(piece)
        return recogniser.first_error()

    @contextmanager
    def scanning(self, attempt_id: int) -> Iterator[None]:
        """Return a context in which nobody else scans the attempt's log, in any process, and few scan any.

        Raises `FarmError` (`overloaded`) when others take long.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with opened(self.root / f".scan-{attempt_id % _MOST_SCANS}", os.O_RDWR | os.O_CREAT) as descriptor:
            until = time.monotonic() + _PATIENCE
            while not _is_locked(descriptor):
                if time.monotonic() > until:
                    raise FarmError(
                        f"the log of attempt {attempt_id} cannot be read while others are",
                        remedy="Send the report again in a moment.",
                        code="overloaded",
                    )
                time.sleep(_PAUSE)
            yield

    def _near_end(self, attempt_id: int) -> tuple[int, int]:
        """Return how many lines are before the part in which errors are looked for, and where that part begins."""
        begin = max(0, self.size(attempt_id) - _MOST_SCANNED)
        number = offset = 0
        while offset < begin and (piece := self._piece(attempt_id, offset, min(1 << 20, begin - offset))):
            number += piece.count(b"\n")
            offset += len(piece)
        if not self.begins_line(attempt_id, offset):
            rest = self._piece(attempt_id, offset, _MOST_SCANNED).find(b"\n") + 1
            return number + 1, offset + rest
        return number, offset

    def last_line(self, attempt_id: int) -> str:
        """Return the last line of a log that says something, which may be the worker's; empty for an empty log."""
        records = self.tail(attempt_id, most=_TAIL)
        return next((text for record in reversed(records) if (text := str(record["text"]).strip())), "")

    def lines(self, attempt_id: int, offset: int, *, most: int) -> bytes:
        """Return the bytes of whole lines, about `most` of them; empty at the end of the log."""
        piece = self._piece(attempt_id, offset, most)
        end = piece.rfind(b"\n") + 1
        if not end and len(piece) == most:  # one line longer than `most`
            piece = self._piece(attempt_id, offset, most + 8 * LONGEST_TEXT)
            end = piece.find(b"\n") + 1
        return piece[:end]

    def _piece(self, attempt_id: int, offset: int, most: int) -> bytes:
        try:
            with self._path(attempt_id).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""

    @contextmanager
    def _locked(self, attempt_id: int) -> Iterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        with opened(self._path(attempt_id), os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor

    def _path(self, attempt_id: int) -> Path:
        return self.root / f"{attempt_id:d}.jsonl"


def _is_locked(descriptor: int) -> bool:
    """Take the lock of a file unless another process has it; return whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
