"""Keeps one lease alive by heartbeats while the work goes on, and notices if it is lost."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from farm.api.errors import FarmUnreachableError, LeaseGoneError, RefusedRequestError

if TYPE_CHECKING:
    from types import TracebackType

    from farm.api.worker_client import HeldLease, WorkerClient
    from farm.container.attempt_directory import AttemptDirectory

_LOG = logging.getLogger("farm.worker")
_BEATS = 3  # in the time of one lease
_TRY_AGAIN_SECONDS = 1.0


class LeaseKeeper:
    """A context manager that sends heartbeats from a thread of its own.

    A lease is lost if the farm says so, or if it expired without an answer: a worker that was stopped or disconnected
    for that long must not go on.
    """

    def __init__(self, client: WorkerClient, lease: HeldLease, attempt: AttemptDirectory) -> None:
        self._client = client
        self._lease = lease
        self._attempt = attempt
        self._deadline = lease.deadline
        self._gone = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{lease.attempt}", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether the lease is lost; once it is, it stays so."""
        return self._gone.is_set() or time.monotonic() >= self._deadline

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0  # the first heartbeat marks the start of the work
        while not self._done.wait(pause):
            if self.lost:
                self._gone.set()
                return
            pause = self._lease.seconds / _BEATS if self._beat() else _TRY_AGAIN_SECONDS

    def _beat(self) -> bool:
        try:
            self._deadline = self._client.heartbeat(self._lease)
        except LeaseGoneError as error:
            _LOG.warning("%s", error)
            self._gone.set()
        except (FarmUnreachableError, RefusedRequestError) as error:
            _LOG.warning("no heartbeat: %s", error)
            return False
        else:
            return self._write_down()
        return True

    def _write_down(self) -> bool:
        """Write the end of the lease for the janitor of this host, in case this process stops; return success."""
        try:
            self._attempt.extend(self._deadline - time.monotonic())
        except OSError as error:  # such as a full disk: the work itself may go on nevertheless
            _LOG.warning("the end of the lease is not written down: %s", error)
            return False
        return True
