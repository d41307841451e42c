"""Changes in the order of their commits: each has a number, and who follows them asks for what came after one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, or_, select

from farm.server.tables.job_rows import JobRow
from farm.server.tables.notification_rows import ChangeCounterRow, JobChangeRow, TrackedStateRow
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.records import Job
from farm.server.tables.session import lock_changes
from farm.server.tables.states import PackageState, ProgressState, SubjectKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

MOST = 500
"""The most jobs, and the most states, that one answer has."""
_OPEN = (
    ProgressState.WAITING,
    ProgressState.ACCEPTED,
    ProgressState.PREVIEW,
    ProgressState.PREVIEW_PASSES,
    ProgressState.PREVIEW_FAILS,
)
_STILL_SHOWN = timedelta(days=1)
"""How long a failed submission counts as unfinished business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedState(Record, columns={"submission": "submission_id", "job": "job_id"}):
    """The state of a submission, or of a package in a channel, and why."""

    subject: SubjectKind
    state: str
    since: datetime
    package: str
    channel: str
    release: int | None
    submission: int | None
    job: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What a submitter follows, up to change `number`: all that is unfinished (`whole`), or what has changed."""

    number: int
    whole: bool
    states: list[TrackedState]
    jobs: list[Job]
    more: bool = False


def newest(session: Session) -> int:
    """Return the number of the newest change."""
    return session.exec(select(ChangeCounterRow.newest)).first() or 0


def take_numbers(session: Session, count: int) -> int:
    """Return the first of so many new numbers. Nothing else may be locked after this: call it at the end."""
    lock_changes(session)
    row = session.get(ChangeCounterRow, 1, populate_existing=True)
    if row is None:
        row = ChangeCounterRow(id=1)
        session.add(row)
    row.newest += count
    return row.newest - count + 1


def submitters_since(session: Session, number: int) -> set[str]:
    """Return the submitters with a change after this number."""
    jobs = select(JobChangeRow.submitter).where(col(JobChangeRow.number) > number).distinct()
    states = select(TrackedStateRow.submitter).where(col(TrackedStateRow.number) > number).distinct()
    return {*session.exec(jobs), *session.exec(states)}


def has_changed(session: Session, submitter: str, number: int) -> bool:
    """Return whether a submitter has a change after this number."""
    job = select(JobChangeRow.job_id).where(JobChangeRow.submitter == submitter, col(JobChangeRow.number) > number)
    state = select(TrackedStateRow.number).where(
        TrackedStateRow.submitter == submitter, col(TrackedStateRow.number) > number
    )
    return session.exec(job.limit(1)).first() is not None or session.exec(state.limit(1)).first() is not None


def followed(
    session: Session, submitter: str, *, now: datetime, since: int | None = None, submission: int | None = None
) -> Followed:
    """Return what has changed for a submitter after `since`, or everything unfinished; of one submission or all.

    Everything is returned too where more has changed than one answer has, or `since` is a number yet to come.
    """
    number = newest(session)
    if since is not None and since <= number:
        states, jobs = _changed_states(session, submitter, since), _changed_jobs(session, submitter, since)
        if len(states) <= MOST and len(jobs) <= MOST:
            about = [state for state in states if submission in (None, state.submission)]
            return Followed(number, False, about, [job for job in jobs if submission in (None, job.submission)])  # noqa: FBT003
    states = _one(session, submission) if submission is not None else _unfinished(session, submitter, now)
    wanted = [state.submission for state in states if state.subject is SubjectKind.SUBMISSION and state.submission]
    jobs = _jobs_of(session, wanted)
    return Followed(number, True, states, _newest_of_each(jobs[:MOST]), more=len(jobs) > MOST)  # noqa: FBT003


def progress_of(session: Session, submissions: Iterable[int]) -> dict[int, TrackedState]:
    """Return the progress of submissions, by number."""
    query = select(TrackedStateRow).where(TrackedStateRow.subject == SubjectKind.SUBMISSION)
    rows = rows_with(session, query, TrackedStateRow.name, [str(number) for number in submissions])
    return {int(row.name): TrackedState.of(row) for row in rows}


def _changed_states(session: Session, submitter: str, since: int) -> list[TrackedState]:
    query = select(TrackedStateRow).where(TrackedStateRow.submitter == submitter, col(TrackedStateRow.number) > since)
    query = query.where(TrackedStateRow.subject != SubjectKind.BUILD)
    return TrackedState.all(session, query.order_by(col(TrackedStateRow.number)).limit(MOST + 1))


def _changed_jobs(session: Session, submitter: str, since: int) -> list[Job]:
    query = (
        select(JobRow)
        .join(JobChangeRow, col(JobChangeRow.job_id) == col(JobRow.id))
        .where(JobChangeRow.submitter == submitter, col(JobChangeRow.number) > since)
        .order_by(col(JobChangeRow.number))
    )
    return Job.all(session, query.limit(MOST + 1))


def _one(session: Session, submission: int) -> list[TrackedState]:
    return list(progress_of(session, [submission]).values())


def _unfinished(session: Session, submitter: str, now: datetime) -> list[TrackedState]:
    mine = select(TrackedStateRow).where(TrackedStateRow.submitter == submitter).limit(MOST)
    lately = col(TrackedStateRow.since) > now - _STILL_SHOWN
    failed = (col(TrackedStateRow.state) == ProgressState.FAILED) & lately
    submissions = mine.where(
        TrackedStateRow.subject == SubjectKind.SUBMISSION, or_(col(TrackedStateRow.state).in_(_OPEN), failed)
    )
    held = mine.where(TrackedStateRow.subject == SubjectKind.PACKAGE, TrackedStateRow.state == PackageState.HELD_BACK)
    return [
        *TrackedState.all(session, submissions.order_by(col(TrackedStateRow.submission_id).desc())),
        *TrackedState.all(session, held.order_by(col(TrackedStateRow.name))),
    ]


def _jobs_of(session: Session, submissions: list[int]) -> list[Job]:
    """Return the jobs of these submissions, newest first, and one more than an answer has if there are more."""
    query = select(JobRow).order_by(col(JobRow.id).desc()).limit(MOST + 1)
    found = (Job.of(row) for row in rows_with(session, query, JobRow.submission_id, submissions))
    return sorted(found, key=lambda job: -job.id)[: MOST + 1]


def _newest_of_each(jobs: list[Job]) -> list[Job]:
    newest_first = sorted(jobs, key=lambda job: -job.id)
    kept = {(job.submission, job.kind, job.rebuild, job.name): job for job in reversed(newest_first)}
    return sorted(kept.values(), key=lambda job: job.id)
