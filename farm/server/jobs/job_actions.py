"""Requests about jobs, by people and by the release pipeline: test a package, compare interfaces, cancel, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.errors import FarmError
from farm.server.jobs import attempts, comparisons, jobs, work_orders
from farm.server.jobs.blocking import waits_for
from farm.server.jobs.dependents import newest_build, settle_all
from farm.server.jobs.rebuilding import request_rebuild
from farm.server.jobs.troubles import taken
from farm.server.previews.build_scope import BuildScope
from farm.server.tables.states import ACTIVE, ENDED, LEASED, AttemptState, JobKind, JobState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from farm.core.plan.job import TestOrder
    from farm.server.jobs.comparisons import Comparison
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork


class JobStateError(FarmError):
    """A job is in a state in which this cannot be done."""

    code = "job-state"


def request_test(unit: UnitOfWork, order: TestOrder, *, recipe: str, trace: str, preview: int = 0) -> Job:
    """Add a job, ready at once, that runs a test of a recipe; for a preview, if its number is given.

    The same test of the same package among the same packages has the same subject.
    """
    body, subject = canonical_json(order.to_dict()), order.digest
    work_orders.keep_test(unit.session, subject, subject=order.subject, test=order.test.name, body=body.decode())
    return jobs.add_ready_job(
        unit.session, kind=JobKind.TEST, name=recipe, subject=subject, trace=trace, now=unit.now, preview=preview
    )


def request_comparison(unit: UnitOfWork, comparison: Comparison, *, trace: str, preview: int = 0) -> Job:
    """Add a job, ready at once, that compares the interfaces of two builds of a library; same order, same subject.

    It is for a preview, if its number is given.
    """
    comparisons.keep(unit.session, comparison)
    return jobs.add_ready_job(
        unit.session,
        kind=JobKind.COMPARISON,
        name=comparison.package,
        subject=comparison.order.digest,
        trace=trace,
        now=unit.now,
        preview=preview,
    )


def cancel(unit: UnitOfWork, job_id: int, *, by: str, why: str = "") -> Job:
    """Cancel a job that has not ended; its worker learns of it at the next heartbeat, and its dependents are blocked.

    Needs a planning transaction. Raises `FarmError` (`unknown-job`), `JobStateError`.
    """
    job = jobs.find_job(unit.session, job_id, lock=True)
    if job.state in ENDED:
        raise JobStateError(f"job {job_id} is {job.state} already", remedy=_instead_of_cancelling(job))
    error = {"error_code": "cancelled", "error": truncate_text(f"cancelled by {by}" + (f": {why}" if why else ""))}
    live = attempts.live_attempt(unit.session, job_id) if job.state in LEASED else None
    if live is not None:
        attempts.end(unit.session, live, AttemptState.CANCELLED, now=unit.now, **error)
    jobs.move(unit.session, job, JobState.CANCELLED, now=unit.now, **error)
    settle_all(unit, [job])
    return jobs.find_job(unit.session, job_id)


def retry(unit: UnitOfWork, job_id: int, *, trace: str) -> Job:
    """Add a new job for one that failed or was cancelled; a job that was set aside is made ready again itself.

    Needs a planning transaction. Raises `FarmError` (`unknown-job`); `JobStateError` if the job has not failed, or its
    recipe has another revision or another job meanwhile.
    """
    job = jobs.find_job(unit.session, job_id)
    if job.state is JobState.SET_ASIDE:
        return _take_up_again(unit, job)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise JobStateError(
            f"job {job_id} is {job.state}; only jobs that failed, were cancelled or set aside can be tried again",
            remedy=_instead_of_retrying(unit, job),
        )
    if job.kind in (JobKind.TEST, JobKind.COMPARISON):
        return _retry_by_subject(unit, job, trace)
    if job.rebuild:
        return _retry_rebuild(unit, job, trace)
    return _retry_build(unit, job, trace)


def _instead_of_cancelling(job: Job) -> str:
    if job.state is not JobState.SUCCEEDED:
        return f"Try it again with: farm retry {job.id}"
    built = job.kind is JobKind.BUILD and not job.rebuild
    return f"To keep its packages back, let a curator hold them: farm channel hold CHANNEL {job.name}" if built else ""


def _instead_of_retrying(unit: UnitOfWork, job: Job) -> str:
    if job.state is JobState.SUCCEEDED:
        return "Nothing is left to do: submit the recipe with a higher revision to have it built again."
    if job.state is JobState.BLOCKED:
        ended = [
            str(build.id) for build in waits_for(unit, job) if build.state in (JobState.FAILED, JobState.CANCELLED)
        ]
        if ended:
            return f"Try again what blocks it: farm retry {' '.join(ended)}"
        return "Fix what blocks it: see its page."
    return f"Wait for it: farm log {job.id} --follow, or farm watch. To begin anew, cancel it first."


def _take_up_again(unit: UnitOfWork, job: Job) -> Job:
    """Retry a job that was set aside; a build is planned again."""
    planned = job.kind is JobKind.BUILD and not job.rebuild
    if not planned and job.subject is not None and jobs.has_active(unit.session, job.subject, preview=job.preview):
        raise JobStateError(f"another job for the same work as job {job.id} is ready or running")
    after = JobState.WAITING if planned else JobState.READY
    jobs.move(unit.session, job, after, now=unit.now, **taken(lost=0, troubles=0))
    settle_all(unit, [job])
    return jobs.find_job(unit.session, job.id)


def _retry_by_subject(unit: UnitOfWork, job: Job, trace: str) -> Job:
    if job.subject is None or jobs.with_subject(unit.session, job.subject, ACTIVE, preview=job.preview):
        raise JobStateError(f"another job for the same {job.kind} as job {job.id} is ready or running")
    return jobs.add_ready_job(
        unit.session,
        kind=job.kind,
        name=job.name,
        subject=job.subject,
        trace=trace,
        now=unit.now,
        preview=job.preview,
    )


def _retry_rebuild(unit: UnitOfWork, job: Job, trace: str) -> Job:
    if job.subject is None or job.revision_id is None or jobs.has_active(unit.session, job.subject):
        raise JobStateError(f"the plan of job {job.id} is being built again already")
    return request_rebuild(unit, job.subject, revision_id=job.revision_id, name=job.name, trace=trace)


def _retry_build(unit: UnitOfWork, job: Job, trace: str) -> Job:
    newest = newest_build(BuildScope(unit, job.preview), job.name)
    if job.revision_id is None or newest is None or newest.id != job.id:
        raise _replaced(job, newest)
    new = jobs.add_job(
        unit.session,
        kind=JobKind.BUILD,
        name=job.name,
        revision_id=job.revision_id,
        submission=job.submission,
        trace=trace,
        now=unit.now,
        preview=job.preview,
    )
    settle_all(unit, [new])
    return jobs.find_job(unit.session, new.id)


def _replaced(job: Job, newest: Job | None) -> JobStateError:
    """Return the error for a build whose recipe has a newer one."""
    submit = "submit the recipe that you want to have built."
    if newest is None:
        return JobStateError(f"job {job.id} is not the newest build of {job.name}", remedy=submit.capitalize())
    of = f" of submission {newest.submission}" if newest.submission is not None else ""
    by = f"job {newest.id}{of} has replaced it, and is {newest.state}"
    return JobStateError(
        f"job {job.id} is not the newest build of {job.name}: {by}",
        remedy=f"See `farm log {newest.id}`, or {submit}",
    )
