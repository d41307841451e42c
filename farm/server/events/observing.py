"""Reads the present states of what a transaction has touched: builds, submissions, packages in channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, not_, select

from farm.server.tables.curation_rows import ExcuseRow
from farm.server.tables.evidence import FIRST_ERROR
from farm.server.tables.job_rows import AttemptRow, JobRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.preview_rows import PreviewRow
from farm.server.tables.preview_verdict import VERDICT, VerdictState
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.server.tables.release_rows import MembershipRow
from farm.server.tables.states import (
    SUPERSEDED,
    BuildState,
    JobKind,
    JobState,
    PackageState,
    ProgressState,
    SubjectKind,
    SubmissionState,
)
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlmodel import Session

    from farm.server.tables.preview_verdict import PreviewVerdict

_UNDER_WAY = (JobState.WAITING, JobState.READY, JobState.LEASED, JobState.RUNNING)
_WITHOUT_JOBS = {
    SubmissionState.WAITING: ProgressState.WAITING,
    SubmissionState.WITHDRAWN: ProgressState.WITHDRAWN,
    SubmissionState.EXPIRED: ProgressState.EXPIRED,
}
_VERDICTS = {
    VerdictState.PASSES: ProgressState.PREVIEW_PASSES,
    VerdictState.FAILS: ProgressState.PREVIEW_FAILS,
}
_LONGEST_LINE = 500
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """The present state of a subject. `anew`: it is news even if the state has not changed."""

    subject: SubjectKind
    name: str
    submitter: str
    state: str
    package: str = ""
    channel: str = ""
    release: int | None = None
    submission: int | None = None
    job: int | None = None
    detail: str = ""
    anew: bool = False

    @property
    def is_news(self) -> bool:
        """Whether it is worth a row of its own where nothing was known: not if all is as it should be."""
        return self.state not in (BuildState.SUCCEEDED, PackageState.CLEARED)

    def changes(self, before: str) -> bool:
        """Return whether it is another state than the one before. Only what was held back is cleared."""
        if self.state == PackageState.CLEARED:
            return before == PackageState.HELD_BACK
        return self.anew or self.state != before

    def columns(self) -> dict[str, Any]:
        """Return the values of the row's columns."""
        return {
            "subject": self.subject,
            "name": self.name,
            "submitter": self.submitter,
            "state": self.state,
            "package": self.package,
            "channel": self.channel,
            "release": self.release,
            "submission_id": self.submission,
            "job_id": self.job,
            "detail": self.detail,
        }


def _why(session: Session, job: JobRow) -> str:
    """Return in a line why a job failed: the first error of its newest attempt's log, else what ended the job."""
    newest = select(AttemptRow.first_error).where(AttemptRow.job_id == job.id).order_by(col(AttemptRow.number).desc())
    found = FIRST_ERROR.read(session.exec(newest.limit(1)).first() or "") if job.state == JobState.FAILED else None
    return _line(found.sentence if found and found.sure else job.error)


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return truncate_text(lines[0], longest=_LONGEST_LINE) if lines else ""


def observe_jobs(session: Session, submitters: Mapping[int, tuple[int, str]]) -> Iterator[ObservedState]:
    """Yield the states of builds that have ended; `submitters` are submission and submitter of each job.

    Builds for previews say nothing of the farm's recipes.
    """
    ended = (JobState.SUCCEEDED, JobState.FAILED)
    query = select(JobRow).where(JobRow.kind == JobKind.BUILD, col(JobRow.state).in_(ended), not_(col(JobRow.rebuild)))
    query = query.where(JobRow.preview == 0)
    for row in rows_with(session, query.order_by(col(JobRow.id)), JobRow.id, submitters):
        submission, submitter = submitters[row.id or 0]
        yield ObservedState(
            subject=SubjectKind.BUILD,
            name=row.name,
            submitter=submitter,
            state=BuildState.FAILED if row.state == JobState.FAILED else BuildState.SUCCEEDED,
            package=row.name,
            submission=submission,
            job=row.id,
            detail=_why(session, row),
        )


def observe_submissions(session: Session, numbers: Iterable[int]) -> Iterator[ObservedState]:
    """Yield the progress of submissions."""
    for row in rows_with(session, select(SubmissionRow), SubmissionRow.id, numbers):
        number = row.id or 0
        state, job, detail = _progress(session, number, row.state)
        yield ObservedState(
            subject=SubjectKind.SUBMISSION,
            name=str(number),
            submitter=row.submitted_by,
            state=state,
            submission=number,
            job=job,
            detail=detail,
        )


def _progress(session: Session, number: int, state: SubmissionState) -> tuple[ProgressState, int | None, str]:
    """Return the progress of a submission, the job that made it fail, and in a line why.

    Once a preview is accepted, its jobs no longer count: the farm has its own.
    """
    if state in _WITHOUT_JOBS:
        return _WITHOUT_JOBS[state], None, ""
    if state is SubmissionState.PREVIEW:
        return _preview_progress(session, number)
    mine = select(JobRow.id).where(JobRow.submission_id == number, JobRow.preview == 0)
    if session.exec(mine.where(col(JobRow.state).in_(_UNDER_WAY)).limit(1)).first() is not None:
        return ProgressState.ACCEPTED, None, ""
    newest = select(func.max(JobRow.id)).where(JobRow.submission_id == number, JobRow.preview == 0)
    newest = newest.group_by(JobRow.kind, JobRow.name)
    last = select(JobRow).where(col(JobRow.id).in_(newest), JobRow.state != JobState.SUCCEEDED)
    left = [row for row in session.exec(last.order_by(col(JobRow.id))) if row.error_code != SUPERSEDED]
    if left:
        job, why = _why_failed(session, left)
        return ProgressState.FAILED, job, why
    replaced = session.exec(mine.where(JobRow.error_code == SUPERSEDED).limit(1)).first() is not None
    built = session.exec(mine.where(JobRow.state == JobState.SUCCEEDED).limit(1)).first() is not None
    done = built or not replaced
    return (ProgressState.DONE if done else ProgressState.SUPERSEDED), None, ""


def _preview_progress(session: Session, number: int) -> tuple[ProgressState, int | None, str]:
    """Return the progress of an open preview: the verdict on it, once there is one."""
    written = session.exec(select(PreviewRow.verdict).where(PreviewRow.submission_id == number)).first()
    verdict: PreviewVerdict | None = VERDICT.read(written or "")
    progress = _VERDICTS.get(verdict.state) if verdict else None
    if verdict is None or progress is None:
        return ProgressState.PREVIEW, None, ""
    return progress, None, truncate_text(verdict.summary, longest=_LONGEST_LINE)


def _why_failed(session: Session, left: Sequence[JobRow]) -> tuple[int | None, str]:
    """Return the first job that did not succeed, and in a line why, with the names of the others."""
    first = next((row for row in left if row.state != JobState.BLOCKED), left[0])
    others = sorted({row.name for row in left} - {first.name})
    named = f"; also {', '.join(others[:_MOST_NAMED])}" if others else ""
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return first.id, truncate_text(f"{first.name}: {_why(session, first)}{named}{more}", longest=_LONGEST_LINE)


def observe_packages(
    session: Session, touched: Iterable[tuple[str, str]], published: Iterable[tuple[str, int]]
) -> Iterator[ObservedState]:
    """Yield the states of packages in channels: those of these excuses, and those that new releases have brought."""
    released = {
        (seen.channel, seen.package): seen
        for channel, number in published
        for seen in _released(session, channel, number)
    }
    for channel in sorted({channel for channel, _ in touched}):
        names = {package for where, package in touched if where == channel and package}
        yield from _held_or_cleared(session, channel, names - {name for where, name in released if where == channel})
    yield from released.values()


def _held_or_cleared(session: Session, channel: str, names: set[str]) -> Iterator[ObservedState]:
    submitters = _submitters_of(session, names)
    query = select(ExcuseRow).where(
        ExcuseRow.channel == channel,
        col(ExcuseRow.cleared_at).is_(None),
        not_(col(ExcuseRow.under_way)),
        ExcuseRow.remedy != "",
    )
    held = {row.package: row for row in rows_with(session, query.order_by(col(ExcuseRow.id)), ExcuseRow.package, names)}
    for name, submitter in submitters.items():
        excuse = held.get(name)
        yield ObservedState(
            subject=SubjectKind.PACKAGE,
            name=f"{channel}/{name}",
            submitter=submitter,
            state=PackageState.HELD_BACK if excuse else PackageState.CLEARED,
            package=name,
            channel=channel,
            job=excuse.job_id if excuse else None,
            detail=_line(excuse.reason + (f": {excuse.line}" if excuse.line else "")) if excuse else "",
        )


def _submitters_of(session: Session, packages: set[str]) -> dict[str, str]:
    """Return who has submitted the current recipe of each of these packages."""
    query = (
        select(RecipeOutputRow.package, SubmissionRow.submitted_by)
        .join(RecipeRow, col(RecipeRow.name) == col(RecipeOutputRow.recipe))
        .join(RecipeRevisionRow, col(RecipeRevisionRow.id) == col(RecipeRow.current_id))
        .join(SubmissionRow, col(SubmissionRow.id) == col(RecipeRevisionRow.submission_id))
    )
    return dict(rows_with(session, query, RecipeOutputRow.package, packages))


def _released(session: Session, channel: str, number: int) -> Iterator[ObservedState]:
    """Yield the packages that a release has brought, of those that people have submitted here."""
    query = (
        select(MembershipRow.name, RecipeRevisionRow.submission_id, SubmissionRow.submitted_by)
        .join(PackageRow, col(PackageRow.digest) == col(MembershipRow.package))
        .join(RecipeRevisionRow, col(RecipeRevisionRow.digest) == col(PackageRow.recipe))
        .join(SubmissionRow, col(SubmissionRow.id) == col(RecipeRevisionRow.submission_id))
        .where(MembershipRow.channel == channel, MembershipRow.since == number)
    )
    for name, submission, submitter in session.exec(query):
        yield ObservedState(
            subject=SubjectKind.PACKAGE,
            name=f"{channel}/{name}",
            submitter=submitter,
            state=PackageState.RELEASED,
            package=name,
            channel=channel,
            release=number,
            submission=submission,
            anew=True,
        )
