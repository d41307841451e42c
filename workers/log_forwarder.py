"""Forwards the log of one attempt to the farm in small pieces, soon enough to be followed live.

Nothing is lost while the farm is unreachable: lines wait in memory, up to a limit; beyond it the build is slowed down.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from farm.api.errors import FarmUnreachableError, LogOffsetRefusedError, RefusedRequestError
from farm.api.log_lines import LONGEST_TEXT, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from farm.api.worker_client import HeldLease, WorkerClient
    from farm.container.log_record import LogRecord

_LOG = logging.getLogger("farm.worker")
_PIECE = 512 * 1024
_MOST_WAITING = 16 << 20
_FLUSH_SECONDS = 0.2
"""How soon a line is sent after a silence."""
_PAUSE_SECONDS = 1.0
"""The time between two pieces while lines keep coming: each costs the farm a signed request and a transaction."""
_TRY_AGAIN_SECONDS = 1.0


class LogForwarder:
    """A context manager that takes records from any thread, and sends them from its own.

    `lost` is whether the lease is gone: then the farm takes no more records. Leaving the context waits until all
    records are sent or refused.
    """

    def __init__(self, client: WorkerClient, lease: HeldLease, lost: Callable[[], bool]) -> None:
        self._client = client
        self._lease = lease
        self._lost = lost
        self._waiting = bytearray()
        self._changed = threading.Condition()
        self._offset = 0
        self._closing = False
        self._refused = False
        self._thread = threading.Thread(target=self._run, name=f"log-{lease.attempt}", daemon=True)

    def __call__(self, record: LogRecord) -> None:
        """Take a record; waits while too many are unsent."""
        values = record.to_dict()
        values["text"] = values["text"][:LONGEST_TEXT].encode("utf-8", "replace").decode()
        line = encode_record(values)
        with self._changed:
            while len(self._waiting) > _MOST_WAITING and not self._given_up():
                self._changed.wait(_FLUSH_SECONDS)
            if not self._given_up():
                self._waiting += line
                if len(self._waiting) > _PIECE:
                    self._changed.notify_all()

    def __enter__(self) -> LogForwarder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _given_up(self) -> bool:
        return self._refused or self._lost()

    def _run(self) -> None:
        pause = _FLUSH_SECONDS
        while not self._given_up():
            with self._changed:
                self._changed.wait_for(lambda: self._closing or len(self._waiting) > _PIECE, pause)
                piece, closing = self._next_piece(), self._closing
            if self._given_up():
                return
            if closing and not piece:
                return
            pause = _PAUSE_SECONDS if piece else _FLUSH_SECONDS
            if piece and not self._send(piece):
                time.sleep(_TRY_AGAIN_SECONDS)
                pause = 0.0

    def _next_piece(self) -> bytes:
        if len(self._waiting) <= _PIECE:
            return bytes(self._waiting)
        end = self._waiting.find(b"\n", _PIECE) + 1  # whole lines only; the last one always ends
        return bytes(self._waiting[:end])

    def _send(self, piece: bytes) -> bool:
        """Send a piece and drop it; False when it must be sent again."""
        try:
            self._client.append_log(self._lease, self._offset, piece)
        except FarmUnreachableError as error:
            _LOG.warning("the log waits: %s", error)
            return False
        except LogOffsetRefusedError as error:
            # An answer was lost: the farm has the first lines of this piece already.
            taken = error.size - self._offset
            if not 0 < taken <= len(piece):
                self._refused = True
                return True
            self._forget(taken)
        except RefusedRequestError as error:
            _LOG.warning("the log is not taken: %s", error)
            self._refused = True
        else:
            self._forget(len(piece))
        return True

    def _forget(self, size: int) -> None:
        with self._changed:
            self._offset += size
            del self._waiting[:size]
            self._changed.notify_all()
