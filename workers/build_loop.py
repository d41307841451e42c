"""One build worker's loop: claim a job, carry it out, report. One job at a time.

An error of the build is reported as its failure; trouble of this worker gives the job back; if the lease is lost, the
result is dropped.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.api.errors import FarmUnreachableError, LeaseGoneError, RefusedRequestError
from farm.build.abi.comparison import compare_interfaces
from farm.build.attempt.build import build
from farm.build.attempt.errors import BuildCancelledError, BuildFailedError, InvalidOrderError
from farm.build.attempt.inputs import fetch_carried
from farm.build.attempt.package_test import run_test
from farm.build.sources.fetch import SourceDigestMismatchError
from farm.container.attempt_directory import AttemptDirectory
from farm.container.log_record import LogRecord
from farm.core.plan.abi import AbiOrder
from farm.core.plan.job import BuildOrder, TestOrder
from farm.core.plan.trouble import OF_ONE_WORKER, Trouble
from farm.errors import FarmError
from farm.store.disk_space import check_disks
from farm.store.http.address_guard import ForbiddenAddressError
from workers.fitness import check_mounts, trouble_of
from workers.lease_keeper import LeaseKeeper
from workers.log_forwarder import LogForwarder
from workers.workshop import for_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from farm.api.worker_client import HeldLease, WorkerClient
    from farm.build.attempt.workshop import Workshop
    from farm.core.names.digest import Digest
    from farm.core.plan.abi import AbiOutcome
    from farm.core.plan.job import TestOutcome

_LOG = logging.getLogger("farm.worker")
_TRY_AGAIN_SECONDS = 1.0
# After trouble of its own a worker pauses, longer each time: one with a broken disk would try every job.
_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0
# Checking whether the trouble is over costs little.
_LONGEST_UNFIT_SECONDS = 60.0
_JITTER = 0.25
_REPORT_REFUSED = 422
"""The status with which the farm refuses a report: it is not the outcome of what was leased."""
_FARM_IN_TROUBLE = 500
"""From this status on, the farm failed to take a report."""
_LONGEST_REPORT_SECONDS = 300.0
"""How long a report is sent again to a farm that fails, before the job is given back."""
# What a maintainer has to fix, whatever has caused it. `trouble_of` judges all other errors.
_RECIPES_FAULT = (BuildFailedError, InvalidOrderError, SourceDigestMismatchError, ForbiddenAddressError)


@dataclass
class BuildLoop:
    """The loop of one worker. `toolchains` is the host's cache of toolchain roots."""

    client: WorkerClient
    workshop: Workshop
    toolchains: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _pause: float = 0.0
    _not_before: float = 0.0
    _unfit: bool = False

    def work(self, hint: int | None = None) -> int:
        """Work until no job is left, beginning with the hinted job; return how many jobs were done."""
        with self._one_at_a_time:
            return self._until_idle(hint)

    def work_if_idle(self) -> int:
        """Work, unless a job is running already. Called from time to time, it makes up for lost messages."""
        if not self._one_at_a_time.acquire(blocking=False):
            return 0
        try:
            return self._until_idle(None)
        finally:
            self._one_at_a_time.release()

    def stop(self) -> None:
        """Stop soon: the running container is stopped, and its job given back."""
        self.stopping.set()

    def _until_idle(self, hint: int | None) -> int:
        done = 0
        while not self.stopping.is_set() and self._is_fit():
            try:
                lease = self.client.claim(hint)
            except FarmError as error:
                _LOG.warning("no job could be claimed: %s", error)
                return done
            if lease is None:
                return done
            hint = None
            self.carry_out(lease)
            done += 1
        return done

    def _is_fit(self) -> bool:
        """Return whether this worker can take a job: it is not paused, its engine answers, its disks can be written.

        After trouble, a whole container is tried first.
        """
        if time.monotonic() < self._not_before:
            return False
        shop = self.workshop
        try:
            shop.sandbox.check()
            check_disks((shop.attempts.path, shop.store.root, shop.cache.root, self.toolchains))
            if self._unfit:
                check_mounts(shop)
        except (FarmError, OSError) as error:
            self._unfit = True
            self._pause_longer(_LONGEST_UNFIT_SECONDS)
            _LOG.warning("no jobs are taken for %.0f s: %s", self._pause, error)
            return False
        if self._unfit:
            self._unfit, self._pause = False, 0.0
            _LOG.info("jobs are taken again")
        return True

    def carry_out(self, lease: HeldLease) -> None:
        """Do the work of a leased job and report it; give the job back if that fails."""
        _LOG.info("job %d, attempt %d: begun", lease.job, lease.attempt)
        seconds = lease.deadline - time.monotonic()
        try:
            with (
                AttemptDirectory.make(self.workshop.attempts, lease.token, seconds=seconds) as directory,
                LeaseKeeper(self.client, lease, directory) as keeper,
            ):
                report = self._report_of(lease, directory, keeper)
                self._persistently(keeper, lease, report)
        except LeaseGoneError as error:
            _LOG.warning("job %d: %s", lease.job, error)
        except (FarmError, OSError) as error:
            _LOG.exception("job %d, attempt %d: not reported: %s", lease.job, lease.attempt, error)
            self._unfit = True
            self._pause_longer()
            # If this fails too, the lease expires by itself.
            with suppress(FarmError):
                message = f"it was not reported: {type(error).__name__}: {error}"
                self.client.release(lease, error=message, trouble=trouble_of(error) or Trouble.WORKER)
        else:
            _LOG.info("job %d, attempt %d: ended", lease.job, lease.attempt)

    def _report_of(self, lease: HeldLease, directory: AttemptDirectory, keeper: LeaseKeeper) -> Callable[[], None]:
        """Do the work, and return the call that reports it to the farm."""
        client = self.client
        with LogForwarder(client, lease, lambda: keeper.lost) as log:
            try:
                report = self._work_at(lease, directory, log, lambda: keeper.lost or self.stopping.is_set())
            except BuildCancelledError:
                return lambda: client.release(lease)
            except LeaseGoneError:
                raise
            except _RECIPES_FAULT as error:
                return self._failed(lease, error, log)
            except (FarmError, OSError) as error:
                trouble = trouble_of(error)
                if isinstance(error, FarmError) and not trouble:
                    return self._failed(lease, error, log)
                return self._given_back(lease, error, trouble, log)
            self._pause = 0.0
            return report

    def _failed(self, lease: HeldLease, error: FarmError, log: LogForwarder) -> Callable[[], None]:
        # The farm finds the first error in the log, and knows better than this worker what to do about it.
        is_in_log = isinstance(error, BuildFailedError) and error.first_error is not None
        message = error.message if is_in_log else f"{error.message}\n{error.remedy}".rstrip()
        if isinstance(error, BuildFailedError) and error.place:  # in the recipe
            message = f"{error.place}: {message}"
        _say(log, f"{error.code}: {message}")
        return lambda: self.client.fail(lease, code=error.code, message=message)

    def _given_back(
        self, lease: HeldLease, error: Exception, trouble: Trouble, log: LogForwarder
    ) -> Callable[[], None]:
        message = str(error) if isinstance(error, FarmError) else f"{type(error).__name__}: {error}"
        if trouble is not Trouble.ORIGIN:  # only this source cannot be fetched
            self._unfit = trouble in OF_ONE_WORKER
            self._pause_longer()
        _LOG.exception("job %d: given back, trouble: %s", lease.job, trouble)
        _say(log, f"this is no fault of the job, which is tried again ({trouble}): {message}")
        return lambda: self.client.release(lease, error=message, trouble=trouble)

    def _work_at(
        self, lease: HeldLease, directory: AttemptDirectory, log: LogForwarder, cancelled: Callable[[], bool]
    ) -> Callable[[], None]:
        workshop = for_lease(self.workshop, lease, self.toolchains)
        if lease.kind == "test":
            tested = run_test(
                TestOrder.from_dict(lease.order), workshop, attempt=directory, log=log, cancelled=cancelled
            )
            return lambda: self._finish(lease, _blobs_of(tested), tested.to_dict())
        if lease.kind == "comparison":
            compared = compare_interfaces(
                AbiOrder.from_dict(lease.order), workshop, attempt=directory, log=log, cancelled=cancelled
            )
            return lambda: self._finish(lease, _blobs_of(compared), compared.to_dict())
        order = BuildOrder.from_dict(lease.order)
        built = build(order, workshop, attempt=directory, log=log, cancelled=cancelled)
        blobs = [
            blob.digest for package in built.packages for blob in (package.archive, package.manifest, package.facts)
        ]
        # The farm keeps every source that it has used: mirrors drop them.
        sources = [source.digest for source in order.plan.sources]
        sources += fetch_carried(order, workshop.fetcher.fresh())
        return lambda: self._finish(lease, [*sources, *blobs, built.provenance, built.log], built.to_dict())

    def _finish(self, lease: HeldLease, blobs: Iterable[Digest], outcome: dict[str, object]) -> None:
        for digest in blobs:
            self.client.upload_blob(lease, digest, self.workshop.store)
        self.client.finish(lease, outcome)

    def _persistently(self, keeper: LeaseKeeper, lease: HeldLease, report: Callable[[], None]) -> None:
        """Report until the farm takes it or the lease is lost; give the job back when the farm refuses the report."""
        deadline = time.monotonic() + _LONGEST_REPORT_SECONDS
        while True:
            try:
                return report()
            except FarmUnreachableError as error:
                if keeper.lost:
                    raise
                _LOG.warning("the report waits: %s", error)
            except LeaseGoneError:
                raise
            except RefusedRequestError as error:
                if error.status == _REPORT_REFUSED:
                    self._pause_longer()
                    _LOG.error("job %d: the farm refuses the report: %s", lease.job, error)  # no traceback needed
                    message = f"the farm refused the report: {error.message}"
                    return self.client.release(lease, error=message, trouble=Trouble.WORKER)
                if error.status < _FARM_IN_TROUBLE or keeper.lost:
                    raise
                _LOG.warning("the report waits: %s", error)
                if time.monotonic() > deadline:
                    self._pause_longer()
                    message = f"the farm could not take the report: {error.message}"
                    return self.client.release(lease, error=message, trouble=Trouble.STORE)
            time.sleep(_TRY_AGAIN_SECONDS)

    def _pause_longer(self, longest: float = _LONGEST_PAUSE_SECONDS) -> None:
        self._pause = min(longest, self._pause * 2 or _FIRST_PAUSE_SECONDS)
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # nothing secret
        self._not_before = time.monotonic() + self._pause * jitter


def _blobs_of(outcome: TestOutcome | AbiOutcome) -> list[Digest]:
    return [outcome.log, *([outcome.attestation] if outcome.attestation else [])]


def _say(log: LogForwarder, text: str) -> None:
    for line in text.splitlines():
        log(LogRecord(time.time(), "farm", "", line))
