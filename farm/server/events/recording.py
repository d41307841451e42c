"""Records at the end of a transaction what it has changed for people: numbers, states, events, and what is to be sent.

A decision notes the jobs, submissions and packages that it touches; their states are read once, when all is decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sqlmodel import col, select

from farm.server.events import changes, deliveries
from farm.server.events.notification_rules import Notified, decide_event
from farm.server.events.observing import ObservedState, observe_jobs, observe_packages, observe_submissions
from farm.server.tables.job_rows import JobRow
from farm.server.tables.notification_rows import EventRow, JobChangeRow, TrackedStateRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import SubmissionRow
from farm.server.tables.session import at_end, lock_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlmodel import Session

    from farm.api.notification_wire import EventKind
    from farm.server.tables.states import SubjectKind

_MOST_AT_ONCE = 100


@dataclass(slots=True)
class _Touched:
    """What a transaction has touched; writes at its end what that changes."""

    now: datetime
    jobs: set[int] = field(default_factory=set)
    submissions: set[int] = field(default_factory=set)
    packages: set[tuple[str, str]] = field(default_factory=set)
    releases: set[tuple[str, int]] = field(default_factory=set)

    def __call__(self, session: Session) -> None:
        """Write it. What else has changed meanwhile is seen, as one transaction at a time comes here."""
        submitters = _submitters(session, self.jobs)
        touched = {submission for submission, _ in submitters.values()} | self.submissions
        if not (touched or self.packages or self.releases):
            return
        lock_changes(session)
        seen = [
            *observe_jobs(session, submitters),
            *observe_submissions(session, touched),
            *observe_packages(session, self.packages, self.releases),
        ]
        changed = _changed(session, seen)
        if not (submitters or changed):
            return
        number = changes.take_numbers(session, 1 + len(changed))
        _number_jobs(session, submitters, number)
        events = [
            _record(session, row, observation, (number, number + place), now=self.now)
            for place, (observation, row) in enumerate(changed, start=1)
        ]
        deliveries.queue(session, [event for event in events if event is not None], now=self.now)


def touch_job(session: Session, job: int, *, now: datetime) -> None:
    """Note that a job was made, or has another state."""
    _touched(session, now).jobs.add(job)


def touch_jobs(session: Session, jobs: Iterable[int], *, now: datetime) -> None:
    """Note that jobs were made, or have another state."""
    _touched(session, now).jobs.update(jobs)


def touch_submission(session: Session, submission: int, *, now: datetime) -> None:
    """Note that a submission was made, or has another state."""
    _touched(session, now).submissions.add(submission)


def touch_package(session: Session, channel: str, package: str, *, now: datetime) -> None:
    """Note that a package is held back from a channel, or no longer."""
    _touched(session, now).packages.add((channel, package))


def touch_release(session: Session, channel: str, number: int, *, now: datetime) -> None:
    """Note that a release was published."""
    _touched(session, now).releases.add((channel, number))


def notify_after_quiet(session: Session, *, now: datetime) -> int:
    """Add the events of states that changed too often to make one each time; return how many rows were looked at."""
    lock_changes(session)  # before the states are read: who numbers changes may be writing them
    quiet = col(TrackedStateRow.quiet_until)
    query = select(TrackedStateRow).where(quiet.is_not(None), quiet <= now).order_by(quiet).limit(_MOST_AT_ONCE)
    rows = list(session.exec(query))
    if rows:
        number = changes.take_numbers(session, len(rows))
        events = [_add_event(session, row, number + place, now=now) for place, row in enumerate(rows)]
        deliveries.queue(session, [event for event in events if event is not None], now=now)
    return len(rows)


def any_quiet(session: Session, *, now: datetime) -> bool:
    """Return whether there is something for `notify_after_quiet`."""
    quiet = col(TrackedStateRow.quiet_until)
    query = select(TrackedStateRow.name).where(quiet.is_not(None), quiet <= now)
    return session.exec(query.limit(1)).first() is not None


def _touched(session: Session, now: datetime) -> _Touched:
    return cast("_Touched", at_end(session, __name__, lambda: _Touched(now)))


def _submitters(session: Session, jobs: set[int]) -> dict[int, tuple[int, str]]:
    """Return the submission of each of these jobs that has one, and its submitter."""
    query = select(JobRow.id, SubmissionRow.id, SubmissionRow.submitted_by).join(
        SubmissionRow, col(SubmissionRow.id) == col(JobRow.submission_id)
    )
    rows = rows_with(session, query, JobRow.id, jobs)
    return {job: (submission, submitter) for job, submission, submitter in rows if job and submission}


def _number_jobs(session: Session, submitters: Mapping[int, tuple[int, str]], number: int) -> None:
    known = {row.job_id: row for row in rows_with(session, select(JobChangeRow), JobChangeRow.job_id, submitters)}
    for job, (_, submitter) in submitters.items():
        row = known.get(job) or JobChangeRow(job_id=job, submitter=submitter, number=number)
        row.number = number
        session.add(row)


def _changed(session: Session, seen: list[ObservedState]) -> list[tuple[ObservedState, TrackedStateRow | None]]:
    """Return what is another state than the one that is known, with its row if there is one."""
    known = _known(session, seen)
    pairs = ((observation, known.get((observation.subject, observation.name))) for observation in seen)
    return [
        (observation, row)
        for observation, row in pairs
        if (observation.is_news if row is None else observation.changes(row.state))
    ]


def _record(
    session: Session,
    row: TrackedStateRow | None,
    observation: ObservedState,
    numbers: tuple[int, int],
    *,
    now: datetime,
) -> EventRow | None:
    """Write a state, and the event that it makes; `numbers` are those of the change and of the event."""
    change, event = numbers
    if row is None:
        row = TrackedStateRow(**observation.columns(), since=now, counted_at=now, number=change)
        session.add(row)
    else:
        row.sqlmodel_update({**observation.columns(), "number": change, "since": now})
    return _add_event(session, row, event, now=now, anew=observation.anew)


def _known(session: Session, seen: list[ObservedState]) -> dict[tuple[SubjectKind, str], TrackedStateRow]:
    found: dict[tuple[SubjectKind, str], TrackedStateRow] = {}
    for subject in {observation.subject for observation in seen}:
        names = [observation.name for observation in seen if observation.subject is subject]
        query = select(TrackedStateRow).where(TrackedStateRow.subject == subject)
        found |= {(subject, row.name): row for row in rows_with(session, query, TrackedStateRow.name, names)}
    return found


def _add_event(
    session: Session, row: TrackedStateRow, number: int, *, now: datetime, anew: bool = False
) -> EventRow | None:
    """Add the event that a state makes, if any, and note in its row what people were notified of."""
    before = Notified(row.counted_at, row.notified_state, row.events, row.quiet_until)
    kind, notified = decide_event(row.subject, row.state, before, now=now, anew=anew)
    row.notified_state, row.events = notified.state, notified.events
    row.counted_at, row.quiet_until = notified.counted_at, notified.quiet_until
    return _event(session, row, number, kind, now) if kind is not None else None


def _event(session: Session, row: TrackedStateRow, number: int, kind: EventKind, now: datetime) -> EventRow:
    event = EventRow(
        id=number,
        at=now,
        kind=kind,
        submitter=row.submitter,
        package=row.package,
        channel=row.channel,
        release=row.release,
        submission_id=row.submission_id,
        job_id=row.job_id,
        detail=row.detail,
    )
    session.add(event)
    return event
