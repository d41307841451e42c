"""Previews: written and read, by the number of their submission."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import and_, col, exists, func, or_, select, update

from farm.core.names.digest import Digest
from farm.server.events.recording import touch_submission
from farm.server.tables.git_rows import ChangeState, GitChangeRow
from farm.server.tables.job_rows import AttemptRow, JobRow
from farm.server.tables.preview_rows import PreviewRow
from farm.server.tables.preview_verdict import VERDICT, PreviewVerdict
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.recipe_rows import SubmissionRow
from farm.server.tables.states import JobKind, SubmissionState
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(Record, columns={"number": "submission_id"}, texts={"verdict": VERDICT}):
    """The preview of the submission `number`, which aims at `channel`.

    `origin` is where its submitter read the recipes, as they say it. `release` is the release that is published of it.
    """

    number: int
    channel: str
    origin: str
    expires_at: datetime
    verdict: PreviewVerdict | None
    release: Digest | None
    removed_at: datetime | None


def add_preview(session: Session, number: int, *, channel: str, origin: str, expires_at: datetime) -> None:
    """Record the preview of a submission."""
    add_rows(session, [PreviewRow(submission_id=number, channel=channel, origin=origin, expires_at=expires_at)])


def preview(session: Session, number: int) -> Preview | None:
    """Return the preview of a submission, if it asked for one."""
    return Preview.first(session, select(PreviewRow).where(PreviewRow.submission_id == number))


def previews(session: Session, numbers: Iterable[int]) -> dict[int, Preview]:
    """Return the previews of those of these submissions that asked for one."""
    rows = rows_with(session, select(PreviewRow), PreviewRow.submission_id, numbers)
    return {row.submission_id: Preview.of(row) for row in rows}


def open_previews(session: Session) -> list[Preview]:
    """Return the previews that are neither accepted, withdrawn nor expired, oldest first."""
    query = (
        select(PreviewRow)
        .join(SubmissionRow, col(SubmissionRow.id) == col(PreviewRow.submission_id))
        .where(SubmissionRow.state == SubmissionState.PREVIEW)
        .order_by(col(PreviewRow.submission_id))
    )
    return Preview.all(session, query)


def to_remove(session: Session, *, before: datetime) -> list[Preview]:
    """Return the previews that are over, and whose builds are still stored.

    Those of an accepted one are kept until it would have expired: the farm's own jobs take them until then.
    """
    query = (
        select(PreviewRow)
        .join(SubmissionRow, col(SubmissionRow.id) == col(PreviewRow.submission_id))
        .where(
            col(PreviewRow.removed_at).is_(None),
            or_(
                col(SubmissionRow.state).in_((SubmissionState.WITHDRAWN, SubmissionState.EXPIRED)),
                and_(col(SubmissionRow.state) == SubmissionState.TAKEN, col(PreviewRow.expires_at) < before),
            ),
        )
        .order_by(col(PreviewRow.submission_id))
    )
    return Preview.all(session, query)


def is_accepted(session: Session, number: int) -> bool:
    """Return whether a preview was accepted: its builds may become the farm's."""
    state = session.exec(select(SubmissionRow.state).where(SubmissionRow.id == number)).first()
    return state is SubmissionState.TAKEN


def is_open(session: Session, number: int) -> bool:
    """Return whether a preview is neither accepted, withdrawn nor expired, as the transaction sees it now."""
    state = session.exec(select(SubmissionRow.state).where(SubmissionRow.id == number)).first()
    return state is SubmissionState.PREVIEW


def set_verdict(session: Session, number: int, verdict: PreviewVerdict, *, now: datetime) -> None:
    """Record what would happen to a preview on release."""
    session.exec(
        update(PreviewRow).where(col(PreviewRow.submission_id) == number).values(verdict=VERDICT.write(verdict))
    )
    touch_submission(session, number, now=now)


def set_release(session: Session, number: int, release: Digest) -> None:
    """Record the release of a preview that is published."""
    session.exec(update(PreviewRow).where(col(PreviewRow.submission_id) == number).values(release=release))


def set_removed(session: Session, number: int, *, now: datetime) -> None:
    """Record that the builds of a preview are no longer stored."""
    session.exec(update(PreviewRow).where(col(PreviewRow.submission_id) == number).values(removed_at=now))


def count_open(session: Session, submitter: str) -> int:
    """Return how many open previews a submitter has; those that were merged and wait for owners do not count."""
    merged = exists().where(
        col(GitChangeRow.submission_id) == col(SubmissionRow.id), col(GitChangeRow.state) == ChangeState.MERGED
    )
    query = select(func.count()).select_from(SubmissionRow).where(~merged)
    return session.exec(
        query.where(SubmissionRow.submitted_by == submitter, SubmissionRow.state == SubmissionState.PREVIEW)
    ).one()


def build_seconds(session: Session, submitter: str, *, since: datetime, now: datetime) -> float:
    """Return the time that workers have spent on builds for a submitter's previews since then, in seconds."""
    query = (
        select(AttemptRow.claimed_at, AttemptRow.finished_at)
        .join(JobRow, col(JobRow.id) == col(AttemptRow.job_id))
        .join(SubmissionRow, col(SubmissionRow.id) == col(JobRow.preview))
        .where(
            SubmissionRow.submitted_by == submitter,
            col(AttemptRow.claimed_at) >= since,
            JobRow.kind == JobKind.BUILD,
        )
    )
    return sum(((ended or now) - begun).total_seconds() for begun, ended in session.exec(query))
