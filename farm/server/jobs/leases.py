"""Leases: a worker claims a job, keeps it by heartbeats, and gives it back or loses it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from farm.core.plan.trouble import Trouble
from farm.errors import FarmError
from farm.server.identities import identities
from farm.server.jobs import attempts, job_queue, jobs
from farm.server.jobs.dependents import settle_all
from farm.server.jobs.planning import build_order, comparison_order, plan_of, recipe_of, test_order, toolchain_of
from farm.server.jobs.troubles import after_trouble, taken
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.plan.abi import AbiOrder
    from farm.core.plan.job import BuildOrder, TestOrder
    from farm.server.tables.records import Attempt, Job, Worker
    from farm.server.transaction.planning_inputs import ToolchainRef
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


class LeaseLostError(FarmError):
    """A worker reports about a job whose lease it does not hold, or no longer holds; `reason` says why."""

    code = "lease-lost"

    def __init__(self, attempt_id: int, reason: str) -> None:
        super().__init__(
            f"the lease of attempt {attempt_id} is gone: {reason}",
            remedy="Stop the work, remove its container and ask for other work.",
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """The claimed holder of a lease: the worker whose key signed the request, the attempt, and the token."""

    worker: Worker
    attempt_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted lease. The worker gets `token` once, and it is not stored; `toolchain` is the one the order needs."""

    attempt: Attempt
    job: Job
    token: str
    order: BuildOrder | TestOrder | AbiOrder
    toolchain: ToolchainRef | None


def claim(
    application: Application, worker: Worker, *, hint: int | None = None, known: Collection[JobKind] = tuple(JobKind)
) -> Lease | None:
    """Give a worker a ready job, preferably the hinted one; None if there is none.

    `known` are the kinds that the worker's program knows; it gets those that its roles allow.
    """
    kinds = tuple(kind for kind in JobKind if kind in known and worker.may_do(kind))
    while kinds and _any_ready(application, kinds, worker):
        with application.writing() as unit:
            job = job_queue.next_ready(
                unit.session,
                kinds,
                worker=worker.name,
                hint=hint,
                now=unit.now,
                most_jobs=unit.preview_policy.most_jobs,
            )
            if job is None:
                return None
            if not job_queue.may_begin(unit.session, job, most_jobs=unit.preview_policy.most_jobs):
                continue
            lease = _grant(unit, job, worker)
        if lease is not None:
            return lease
        # No worker can take it as it is. It must not block the jobs behind it.
        with application.planning() as unit:
            settle_all(unit, [job])
    return None


def require_lease(unit: UnitOfWork, holder: Holder, *, lock: bool = False) -> Attempt:
    """Return the attempt whose live lease this is. Raises `LeaseLostError`."""
    number = holder.attempt_id
    attempt = attempts.holder(
        unit.session, number, worker=holder.worker.name, token_digest=identities.token_digest(holder.token), lock=lock
    )
    if attempt is None:
        raise LeaseLostError(number, "this worker never held it")
    if attempt.finished_at is not None:
        raise LeaseLostError(number, f"the attempt is {attempt.state}")
    if attempt.expires_at <= unit.now:
        raise LeaseLostError(number, f"it expired at {attempt.expires_at:%H:%M:%S} UTC")
    return attempt


def heartbeat(unit: UnitOfWork, holder: Holder) -> Attempt:
    """Extend a lease, and mark the job as running. Raises `LeaseLostError`."""
    attempt = require_lease(unit, holder, lock=True)
    expires = unit.now + unit.lease_policy.lease
    _change(unit, attempt, state=AttemptState.RUNNING, heartbeat_at=unit.now, expires_at=expires)
    job = jobs.find_job(unit.session, attempt.job_id, lock=True)
    if job.state is JobState.LEASED:
        jobs.move(unit.session, job, JobState.RUNNING, now=unit.now)
    return attempts.attempt(unit.session, attempt.id) or attempt


def release(unit: UnitOfWork, holder: Holder, *, error: str = "", trouble: Trouble = Trouble.NONE) -> None:
    """Take back the lease of a worker that cannot go on: the job is ready for another. Needs a planning transaction.

    `error` describes the worker's trouble, and `trouble` is its kind (default: the worker's own). Raises
    `LeaseLostError`.
    """
    attempt = require_lease(unit, holder, lock=True)
    if error and not trouble:
        trouble = Trouble.WORKER
    code, error = f"{trouble}-trouble" if trouble else "", truncate_text(error)
    values = {"error_code": code, "error": error, "trouble": trouble}
    _change(unit, attempt, state=AttemptState.RELEASED, finished_at=unit.now, **values)
    job = jobs.find_job(unit.session, attempt.job_id, lock=True)
    if trouble:
        after_trouble(unit, job, trouble, code=code, error=error)
    else:
        jobs.move(unit.session, job, JobState.READY, now=unit.now)


def _any_ready(application: Application, kinds: tuple[JobKind, ...], worker: Worker) -> bool:
    # Idle workers ask often: a read-only query keeps them out of the queue of writers.
    with application.reading() as unit:
        return job_queue.is_any_ready(
            unit.session, kinds, worker=worker.name, now=unit.now, most_jobs=unit.preview_policy.most_jobs
        )


def _grant(unit: UnitOfWork, job: Job, worker: Worker) -> Lease | None:
    """Lease a ready job to a worker; None if it has to be planned again, or has failed."""
    if job.kind is JobKind.BUILD and not job.rebuild and _is_outdated(unit, job):
        jobs.move(unit.session, job, JobState.WAITING, now=unit.now, to_settle=True)
        return None
    token = secrets.token_hex(32)
    attempt = _lease(unit, job, worker, token)
    try:
        if job.kind is JobKind.TEST:
            return Lease(attempt, job, token, test_order(unit, job), None)
        if job.kind is JobKind.COMPARISON:
            order = comparison_order(unit, job)
            toolchain = unit.inputs.toolchain_of(order.toolchain)
            if toolchain is None:
                raise FarmError("this farm no longer has the toolchain that it names")
            return Lease(attempt, job, token, order, toolchain)
        if job.rebuild and _is_outdated(unit, job):
            raise FarmError("this farm no longer has the toolchain that it was built with")
        return Lease(attempt, job, token, build_order(unit, job), toolchain_of(unit, recipe_of(unit, job)))
    except (FarmError, LookupError) as error:
        reason = {"error_code": "cannot-be-ordered", "error": truncate_text(f"no order can be made of it: {error}")}
        attempts.end(unit.session, attempt, AttemptState.FAILED, now=unit.now, **reason)
        leased = jobs.find_job(unit.session, job.id, lock=True)
        jobs.move(unit.session, leased, JobState.FAILED, now=unit.now, to_settle=True, **reason)
        return None


def _is_outdated(unit: UnitOfWork, job: Job) -> bool:
    if job.subject is None:
        return True
    return unit.inputs.toolchain_of(plan_of(unit, job.subject).toolchain) is None


def _lease(unit: UnitOfWork, job: Job, worker: Worker, token: str) -> Attempt:
    if not jobs.move(unit.session, job, JobState.LEASED, now=unit.now, **taken()):
        raise LookupError(f"job {job.id} was taken although its row was held")
    try:
        return attempts.add_attempt(
            unit.session,
            job_id=job.id,
            worker=worker.name,
            token_digest=identities.token_digest(token),
            now=unit.now,
            expires_at=unit.now + unit.lease_policy.lease,
        )
    except IntegrityError as error:
        raise LookupError(f"job {job.id} was ready although an attempt at it is live") from error


def _change(unit: UnitOfWork, attempt: Attempt, **values: object) -> None:
    if not attempts.change_live(unit.session, attempt, now=unit.now, **values):
        raise LeaseLostError(attempt.id, "another request has just changed it")
