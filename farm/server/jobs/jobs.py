"""Jobs: written, moved from state to state, and read. A transition that is not allowed raises.

A *rebuild* is a build job of a plan that is built already, to see whether it gives the same packages: it is claimed
like any other, but the functions here that return a recipe's builds leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column
from sqlmodel import col, delete, func, insert, not_, or_, select, update

from farm.api.wire import BUILD_WAKE
from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.errors import FarmError
from farm.server.events.recording import touch_job, touch_jobs
from farm.server.tables.job_rows import AttemptRow, JobExclusionRow, JobNeedRow, JobRow, OutboxRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import SubmissionRow
from farm.server.tables.records import Job
from farm.server.tables.states import (
    ACTIVE,
    ENDED,
    PENDING,
    SUPERSEDED,
    JobKind,
    JobState,
    SubmissionState,
    may_become,
)
from farm.server.tables.writing import add_rows, changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar


REBUILD_PRIORITY = 1
"""Rebuilds come after first builds."""
PREVIEW_PRIORITY = 2
"""Previews come after all that was accepted."""


def add_job(
    session: Session,
    *,
    kind: JobKind,
    name: str,
    trace: str,
    now: datetime,
    revision_id: int | None = None,
    submission: int | None = None,
    subject: Digest | None = None,
    rebuild: bool = False,
    preview: int = 0,
) -> Job:
    """Add a job in state `waiting`; what a build waits for is found when it is settled.

    A `rebuild` carries out the plan `subject` again, to see whether it gives the same packages.
    """
    row = JobRow(
        kind=kind,
        name=name,
        revision_id=revision_id,
        submission_id=submission,
        subject=subject,
        state=JobState.WAITING,
        preview=preview,
        rebuild=rebuild,
        priority=PREVIEW_PRIORITY if preview else REBUILD_PRIORITY if rebuild else 0,
        created_at=now,
        changed_at=now,
        trace=trace,
    )
    job = Job.added(session, row)
    touch_job(session, job.id, now=now)
    return job


def add_builds(
    session: Session, revisions: Mapping[str, int], *, submission: int, trace: str, now: datetime, preview: int = 0
) -> dict[str, int]:
    """Add jobs, in state `waiting`, that build these revisions by recipe, for the farm or for a preview.

    Returns their numbers by recipe, ascending.
    """
    same: dict[str, Any] = {"kind": JobKind.BUILD, "submission_id": submission, "state": JobState.WAITING}
    same |= {"trace": trace, "preview": preview, "priority": PREVIEW_PRIORITY if preview else 0}
    rows = [
        {**same, "name": name, "revision_id": revision, "created_at": now, "changed_at": now}
        for name, revision in revisions.items()
    ]
    if not rows:
        return {}
    before = newest_job(session)  # what others add meanwhile is of other submissions
    session.exec(insert(JobRow), params=rows)
    mine = col(JobRow.id) > before, JobRow.submission_id == submission, JobRow.preview == preview
    numbers = select(JobRow.name, JobRow.id).where(*mine).order_by(col(JobRow.id))
    added = {name: number for name, number in session.exec(numbers) if number is not None}
    touch_jobs(session, added.values(), now=now)
    return added


def add_ready_job(session: Session, *, now: datetime, **values: Any) -> Job:
    """Add a job, as `add_job` does, that waits for nothing: it is ready at once."""
    job = add_job(session, now=now, **values)
    move(session, job, JobState.READY, now=now)
    return find_job(session, job.id)


def job(session: Session, job_id: int, *, lock: bool = False) -> Job | None:
    """Return a job as the transaction sees it now. With `lock`, others wait to change it until the transaction ends."""
    query = select(JobRow).where(JobRow.id == job_id)
    return Job.first(session, query.with_for_update() if lock else query)


def find_job(session: Session, job_id: int, *, lock: bool = False) -> Job:
    """Return a job, as `job` does. Raises `FarmError` (`unknown-job`)."""
    found = job(session, job_id, lock=lock)
    if found is None:
        raise FarmError(f"there is no job {job_id}", code="unknown-job")
    return found


def find_jobs(session: Session, numbers: Iterable[int]) -> dict[int, Job]:
    """Return these jobs by number, as the transaction sees them now; those that there are."""
    rows = rows_with(session, select(JobRow), JobRow.id, numbers)
    return {job.id: job for job in map(Job.of, rows)}


def move(session: Session, job: Job, after: JobState, *, now: datetime, **values: Any) -> bool:
    """Move a job from the state that was read to another; False if it was moved meanwhile.

    A final state gets its time; READY is written together with the message that wakes a worker. Raises `ValueError` for
    a transition that the state machine does not have.
    """
    if not may_become(job.state, after):
        raise ValueError(f"job {job.id} cannot go from {job.state} to {after}")
    if after in ENDED:
        values["finished_at"] = now
    if after is JobState.READY:
        values["notified_at"] = now
    unmoved = update(JobRow).where(col(JobRow.id) == job.id, col(JobRow.state) == job.state)
    moved = changes_rows(session, unmoved.values(state=after, changed_at=now, **values))
    if moved:
        touch_job(session, job.id, now=now)
    if moved and after is JobState.READY:
        notify(session, job.id, now=now)
    return moved


def supersede(session: Session, job: Job, by: str, *, now: datetime) -> None:
    """Cancel a job that a later submission or release has replaced: `by` says which."""
    move(session, job, JobState.CANCELLED, now=now, error_code=SUPERSEDED, error=f"superseded by {by}")


def notify(session: Session, job_id: int, *, now: datetime) -> None:
    """Put a message that wakes a build worker for this job into the outbox."""
    add_rows(session, [OutboxRow(task=BUILD_WAKE, job_id=job_id, created_at=now)])


def set_subject(session: Session, job_id: int, subject: Digest) -> None:
    """Record the plan of a waiting build."""
    session.exec(update(JobRow).where(col(JobRow.id) == job_id).values(subject=subject))


def waiting_for(session: Session, recipe: str, states: Sequence[JobState], *, preview: int | None = 0) -> list[Job]:
    """Return the jobs in one of `states` that were found to wait for this recipe, oldest first.

    Those of a preview, or the farm's own (0), or all of them (None).
    """
    query = (
        select(JobRow)
        .join(JobNeedRow, col(JobNeedRow.job_id) == col(JobRow.id))
        .where(JobNeedRow.recipe == recipe, col(JobRow.state).in_(states))
        .order_by(col(JobRow.id))
    )
    return Job.all(session, _of_preview(query, preview))


def exclusions(session: Session, job_ids: Iterable[int]) -> dict[int, frozenset[str]]:
    """Return the workers excluded from each of these jobs."""
    rows = rows_with(session, select(JobExclusionRow), JobExclusionRow.job_id, job_ids)
    return {job_id: frozenset(workers) for job_id, workers in grouped((row.job_id, row.worker) for row in rows).items()}


def exclude(session: Session, job_id: int, workers: Iterable[str]) -> None:
    """Exclude these workers, and no others, from a job."""
    session.exec(delete(JobExclusionRow).where(col(JobExclusionRow.job_id) == job_id))
    add_rows(session, (JobExclusionRow(job_id=job_id, worker=worker) for worker in sorted(workers)))


def with_subject(
    session: Session, subject: Digest, states: Sequence[JobState], *, preview: int | None = 0
) -> list[Job]:
    """Return the jobs in one of `states` with this plan or test, oldest first, rebuilds left out.

    Those of a preview, or the farm's own (0), or all of them (None).
    """
    query = (
        select(JobRow)
        .where(col(JobRow.subject) == subject, col(JobRow.state).in_(states), not_(col(JobRow.rebuild)))
        .order_by(col(JobRow.id))
    )
    return Job.all(session, _of_preview(query, preview))


def of_subjects(session: Session, subjects: Iterable[Digest], *, preview: int = 0) -> dict[Digest, list[Job]]:
    """Return the farm's jobs with each of these plans or tests, oldest first, rebuilds left out; with a preview's own.

    A preview uses what the farm has tested.
    """
    query = select(JobRow).where(not_(col(JobRow.rebuild)), col(JobRow.preview).in_({0, preview}))
    return _by_subject(session, query, subjects)


def rebuilds_of(session: Session, plans: Iterable[Digest]) -> dict[Digest, list[Job]]:
    """Return the rebuilds of each of these plans, oldest first; plans without one are left out."""
    return _by_subject(session, select(JobRow).where(col(JobRow.rebuild)), plans)


def _by_subject(session: Session, query: SelectOfScalar[JobRow], subjects: Iterable[Digest]) -> dict[Digest, list[Job]]:
    rows = rows_with(session, query.order_by(col(JobRow.id)), JobRow.subject, subjects)
    return grouped((Digest(row.subject or ""), Job.of(row)) for row in rows)


def latest_of_revision(session: Session, revision_id: int, *, preview: int = 0) -> Job | None:
    """Return the newest build job of a recipe revision, rebuilds left out: of the farm, or of a preview."""
    return latest_of_revisions(session, [revision_id], preview=preview).get(revision_id)


def latest_of_revisions(session: Session, revisions: Iterable[int], *, preview: int = 0) -> dict[int, Job]:
    """Return the newest build job of each of these recipe revisions that has one, as `latest_of_revision` does."""
    newest = (
        select(func.max(JobRow.id))
        .where(JobRow.kind == JobKind.BUILD, JobRow.preview == preview, not_(col(JobRow.rebuild)))
        .group_by(col(JobRow.revision_id))
    )
    numbers = [number for number in rows_with(session, newest, JobRow.revision_id, revisions) if number is not None]
    rows = rows_with(session, select(JobRow), JobRow.id, numbers)
    return {row.revision_id: Job.of(row) for row in rows if row.revision_id is not None}


def pending_of_recipes(session: Session, names: Iterable[str]) -> list[Job]:
    """Return the farm's build jobs of these recipes that no worker has yet, rebuilds left out."""
    query = select(JobRow).where(JobRow.kind == JobKind.BUILD, col(JobRow.state).in_(PENDING))
    query = query.where(not_(col(JobRow.rebuild)), JobRow.preview == 0)
    return [Job.of(row) for row in rows_with(session, query, JobRow.name, names)]


def of_preview(session: Session, preview: int, states: Sequence[JobState]) -> list[Job]:
    """Return the jobs of a preview in one of `states`, oldest first."""
    query = select(JobRow).where(JobRow.preview == preview, col(JobRow.state).in_(states)).order_by(col(JobRow.id))
    return Job.all(session, query)


def take_over(session: Session, attempts: Iterable[int]) -> None:
    """Make the jobs of these attempts, which were a preview's, the farm's own."""
    done = select(AttemptRow.job_id).where(col(AttemptRow.id).in_(sorted(attempts)))
    session.exec(update(JobRow).where(col(JobRow.id).in_(done)).values(preview=0))


def take_over_tests(session: Session, preview: int) -> None:
    """Make the tests and comparisons of a preview that have ended the farm's own: their orders are the same."""
    kinds = (JobKind.TEST, JobKind.COMPARISON)
    ended = col(JobRow.kind).in_(kinds), col(JobRow.state).in_((JobState.SUCCEEDED, JobState.FAILED))
    session.exec(update(JobRow).where(col(JobRow.preview) == preview, *ended).values(preview=0))


def newest_job(session: Session) -> int:
    """Return the highest number of a job, 0 when there is none."""
    return session.exec(select(func.max(col(JobRow.id)))).one() or 0


def newest_answered(session: Session) -> int:
    """Return the highest number of a build job answered by an earlier job with the same plan; 0 for none."""
    answered = col(JobRow.answered_by).is_not(None), JobRow.preview == 0
    return session.exec(select(func.max(col(JobRow.id))).where(*answered)).one() or 0


def answered_since(session: Session, number: int) -> list[Job]:
    """Return the build jobs after this one that earlier jobs answered: other recipes with the same plans."""
    query = select(JobRow).where(col(JobRow.id) > number, col(JobRow.answered_by).is_not(None), JobRow.preview == 0)
    return Job.all(session, query.order_by(col(JobRow.id)))


def newest_answered_of(session: Session, plans: Iterable[Digest]) -> Job | None:
    """Return the newest build job that was answered with one of these plans; its recipe is another revision."""
    query = select(JobRow).where(
        col(JobRow.subject).in_(sorted(plans)), col(JobRow.answered_by).is_not(None), JobRow.preview == 0
    )
    return Job.first(session, query.order_by(col(JobRow.id).desc()))


def last_trouble(session: Session) -> datetime | None:
    """Return when a waiting or set-aside job last met trouble; None for none."""
    states = (JobState.READY, JobState.SET_ASIDE)
    met = col(JobRow.trouble) != literal_column("''")  # as a parameter SQLite would not find the index for it
    return session.exec(select(func.max(col(JobRow.changed_at))).where(met, col(JobRow.state).in_(states))).one()


def any_in_state(
    session: Session, kind: JobKind, states: Sequence[JobState], *, rested: datetime | None = None
) -> bool:
    """Return whether the farm has a job of this kind in one of `states`, rebuilds and previews left out.

    With `rested`, only jobs that may be tried by then count.
    """
    query = select(JobRow.id).where(
        JobRow.kind == kind, col(JobRow.state).in_(states), not_(col(JobRow.rebuild)), JobRow.preview == 0
    )
    if rested is not None:
        query = query.where(or_(col(JobRow.not_before).is_(None), col(JobRow.not_before) <= rested))
    return session.exec(query.limit(1)).first() is not None


def list_jobs(
    session: Session,
    *,
    before: int | None = None,
    limit: int = 50,
    states: Sequence[JobState] = (),
    kind: JobKind | None = None,
    name: str = "",
    submission: int | None = None,
    numbers: Sequence[int] | None = None,
    preview: int | None = None,
) -> list[Job]:
    """Return jobs, newest first, that are older than the job `before`; of any state when `states` is empty.

    With `numbers`, of which a database takes some hundreds, only these jobs. With `preview`, only those of that
    preview, or the farm's own (0).
    """
    query = select(JobRow).order_by(col(JobRow.id).desc()).limit(limit)
    if numbers is not None:
        query = query.where(col(JobRow.id).in_(numbers))
    if before is not None:
        query = query.where(col(JobRow.id) < before)
    if states:
        query = query.where(col(JobRow.state).in_(states))
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    if name:
        query = query.where(JobRow.name == name)
    if submission is not None:
        query = query.where(JobRow.submission_id == submission)
    return Job.all(session, _of_preview(query, preview))


def count_jobs(session: Session) -> dict[JobState, int]:
    """Return how many jobs are in each state."""
    query = select(JobRow.state, func.count()).group_by(JobRow.state)
    return {JobState(state): count for state, count in session.exec(query)}


def ready_by_first_builder(session: Session) -> dict[str, int]:
    """Return the number of waiting rebuilds by the worker that built the plan first (and will not get them)."""
    query = (
        select(PackageRow.built_by, func.count(func.distinct(JobRow.id)))
        .join(JobRow, col(JobRow.subject) == col(PackageRow.plan))
        .where(JobRow.state == JobState.READY, col(JobRow.rebuild))
        .group_by(PackageRow.built_by)
    )
    return dict(session.exec(query).all())


def has_active(session: Session, subject: Digest, *, preview: int = 0) -> bool:
    """Return whether a job with this plan or test is ready or running that the farm, or a preview, can use.

    The farm uses the jobs of accepted previews, and a preview those of the farm.
    """
    accepted = select(SubmissionRow.id).where(
        col(SubmissionRow.id) == col(JobRow.preview), SubmissionRow.state == SubmissionState.TAKEN
    )
    usable = or_(col(JobRow.preview).in_({0, preview}), accepted.exists())
    query = select(JobRow.id).where(JobRow.subject == subject, col(JobRow.state).in_(ACTIVE), usable).limit(1)
    return session.exec(query).first() is not None


def _of_preview(query: SelectOfScalar[JobRow], preview: int | None) -> SelectOfScalar[JobRow]:
    return query if preview is None else query.where(JobRow.preview == preview)
