"""The queue: which ready job a worker gets, and which jobs workers have to be notified of again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam
from sqlalchemy.orm import aliased
from sqlmodel import and_, col, exists, func, not_, or_, select, update

from farm.server.jobs import jobs
from farm.server.tables.job_rows import AttemptRow, JobExclusionRow, JobRow
from farm.server.tables.recipe_rows import SubmissionRow
from farm.server.tables.records import Job
from farm.server.tables.session import lock_preview_jobs
from farm.server.tables.states import LEASED, AttemptState, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import BindParameter, ColumnElement
    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from farm.server.tables.states import JobKind


def next_ready(
    session: Session, kinds: Sequence[JobKind], *, worker: str, hint: int | None, now: datetime, most_jobs: int
) -> Job | None:
    """Return a ready job for a worker that may do `kinds`, and in PostgreSQL lock it, skipping locked ones.

    A rebuild is not for a worker that has built its plan before. A job that met trouble is paused, longer for the
    worker that it met the trouble with. The hinted job is preferred if it can be given. A submitter's previews have at
    most `most_jobs` at once.
    """
    hinted, first = _claimable(tuple(kinds))
    values = {"worker": worker, "now": now, "most_jobs": most_jobs}
    found = Job.first_of(session, hinted, **values, hint=hint) if hint is not None else None
    return found or Job.first_of(session, first, **values)


def may_begin(session: Session, job: Job, *, most_jobs: int) -> bool:
    """Return whether the submitter of a ready job may have it at work; no other job of a preview begins meanwhile.

    `next_ready` cannot see what other transactions are about to claim.
    """
    if not job.preview:
        return True
    lock_preview_jobs(session)
    query = select(JobRow.id).where(JobRow.id == job.id, _at_work_for_submitter() < most_jobs)
    return session.exec(query).first() is not None


def is_any_ready(session: Session, kinds: Sequence[JobKind], *, worker: str, now: datetime, most_jobs: int) -> bool:
    """Return whether there is a job that this worker can claim."""
    values = {"worker": worker, "now": now, "most_jobs": most_jobs}
    return session.exec(_any_claimable(tuple(kinds)), params=values).first() is not None


@cache
def _claimable(kinds: tuple[JobKind, ...]) -> tuple[SelectOfScalar[JobRow], SelectOfScalar[JobRow]]:
    """Return the queries for the job `hint`, and for the first job, that a worker can claim. Each is made once."""
    ready = select(JobRow).where(JobRow.state == JobState.READY, col(JobRow.kind).in_(kinds), _is_open())
    ready = ready.with_for_update(skip_locked=True).limit(1)
    return ready.where(col(JobRow.id) == bindparam("hint")), ready.order_by(col(JobRow.priority), col(JobRow.id))


@cache
def _any_claimable(kinds: tuple[JobKind, ...]) -> SelectOfScalar[int | None]:
    """Return the query whether there is a job that a worker can claim. It is made once."""
    query = select(col(JobRow.id)).where(JobRow.state == JobState.READY, col(JobRow.kind).in_(kinds), _is_open())
    # In the order of the claim, so that the query stops at the first build and reads no rebuilds before it.
    return query.order_by(col(JobRow.priority), col(JobRow.id)).limit(1)


def _is_open() -> ColumnElement[bool]:
    """Return the condition that the parameter `worker` may have a job at the time `now`.

    The job is not paused, does not exclude the worker, and is no rebuild of the worker's own build. The submitter of
    its preview, if it is for one, has fewer jobs at work than `most_jobs`.
    """
    worker: BindParameter[str] = bindparam("worker")
    now: BindParameter[datetime] = bindparam("now")
    most_jobs: BindParameter[int] = bindparam("most_jobs")
    earlier = aliased(JobRow)
    done = exists().where(
        col(earlier.subject) == col(JobRow.subject),
        col(AttemptRow.job_id) == col(earlier.id),
        col(AttemptRow.worker) == worker,
        col(AttemptRow.state) == AttemptState.SUCCEEDED,
    )
    rested = or_(col(JobRow.not_before).is_(None), col(JobRow.not_before) <= now)
    met = exists().where(
        col(AttemptRow.job_id) == col(JobRow.id), col(AttemptRow.worker) == worker, col(AttemptRow.trouble) != ""
    )
    here = or_(col(JobRow.elsewhere_until).is_(None), col(JobRow.elsewhere_until) <= now, not_(met))
    excluded = exists().where(col(JobExclusionRow.job_id) == col(JobRow.id), col(JobExclusionRow.worker) == worker)
    own = or_(JobRow.preview == 0, _at_work_for_submitter() < most_jobs)
    return and_(not_(and_(col(JobRow.rebuild), done)), rested, here, not_(excluded), own)


def _at_work_for_submitter() -> ColumnElement[int]:
    """Return the number of jobs that workers have for previews of the same submitter as a job's preview."""
    busy, theirs, mine = aliased(JobRow), aliased(SubmissionRow), aliased(SubmissionRow)
    return (
        select(func.count(col(busy.id)))
        .select_from(busy)
        .join(theirs, col(theirs.id) == col(busy.preview))
        .join(mine, col(mine.id) == col(JobRow.preview))
        .where(col(busy.state).in_(LEASED), col(theirs.submitted_by) == col(mine.submitted_by))
        .correlate(JobRow)
        .scalar_subquery()
    )


def overdue_notifications(session: Session, *, before: datetime, now: datetime, limit: int) -> list[Job]:
    """Return ready jobs whose last message is older than `before`: it may have been lost.

    A job that had to wait for `not_before` is among them once that has passed.
    """
    rested = or_(col(JobRow.not_before).is_(None), col(JobRow.not_before) <= now)
    overdue = or_(col(JobRow.notified_at) < before, col(JobRow.notified_at) < col(JobRow.not_before))
    query = (
        select(JobRow)
        .where(JobRow.state == JobState.READY, rested, overdue)
        .order_by(col(JobRow.priority), col(JobRow.id))
        .limit(limit)
    )
    return Job.all(session, query)


def notify_again(session: Session, job_id: int, *, now: datetime) -> None:
    """Put another message into the outbox for a job that is still ready."""
    session.exec(update(JobRow).where(col(JobRow.id) == job_id).values(notified_at=now))
    jobs.notify(session, job_id, now=now)
