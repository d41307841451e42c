"""What a forge is to show of commits: written when a state changes, and delivered until the forge has it.

A row holds the newest state alone: what was overtaken before it was delivered is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from farm.core.names.escaping import escape_control_chars
from farm.server.events.deliveries import PAUSES
from farm.server.git.forge import LONGEST_DESCRIPTION, CommitStatus
from farm.server.git.repositories import ended_before, may_be_asked
from farm.server.tables.git_rows import CommitStatusRow, GitRepositoryRow
from farm.server.tables.reading import Record
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.server.git.forge import StatusState
    from farm.server.transaction.unit_of_work import UnitOfWork

_PENDING = "pending"
RESERVED = timedelta(seconds=30)
"""How long nobody else sends a status that somebody is sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRecord(Record):
    """The status of a commit. `sent` is the state that the forge has; it is sent again at `due_at`, unless None.

    `unsure`: an attempt may have reached the forge; if it was `pending`, and something else followed, it is `sent`.
    `trouble` is why the last attempt has failed.
    """

    repository: str
    commit: str
    context: str
    state: str
    description: str
    target: str
    sent: str
    unsure: bool
    attempts: int
    due_at: datetime | None
    trouble: str
    changed_at: datetime


def preview_context(repository: str) -> str:
    """Return the context in which a connected repository shows what would happen to a change.

    It has the repository's name: two connections to one project do not overwrite each other's verdicts.
    """
    return f"farm/preview/{repository}"


def submission_context(repository: str) -> str:
    """Return the context in which a connected repository shows what has come of a merge."""
    return f"farm/submission/{repository}"


def is_shown(session: Session, repository: str, status: CommitStatus) -> bool:
    """Return whether the forge shows a status, or will."""
    row = session.get(CommitStatusRow, (repository, status.commit, status.context), populate_existing=True)
    return row is not None and _shown(row) == _shown(status)


def show(unit: UnitOfWork, repository: str, status: CommitStatus) -> None:
    """Let the forge show a status, unless that is what it shows already.

    What an earlier connection to the project was yet to show there is not sent: it would come after this.
    """
    if is_shown(unit.session, repository, status):
        return
    for before in ended_before(unit.session, repository):
        _drop(unit.session, (before, status.commit, status.context))
    row = unit.session.get(CommitStatusRow, (repository, status.commit, status.context))
    if row is None:
        row = CommitStatusRow(
            repository=repository,
            commit=status.commit,
            context=status.context,
            state=status.state,
            description="",
            target="",
            changed_at=unit.now,
        )
    if row.unsure and row.state == _PENDING:
        row.sent = _PENDING  # the attempt may have reached the forge
    row.state, row.target, row.changed_at = status.state, status.target, unit.now
    row.description = status.description
    row.due_at, row.attempts, row.unsure, row.trouble = unit.now, 0, False, ""
    unit.session.add(row)
    unit.session.flush()


def end_pending(unit: UnitOfWork, repository: str, line: str) -> int:
    """Let the forge show an error in place of what is pending there; return how much it is yet to show.

    What else is yet to be sent is tried again at once, also if it was given up while the forge may show that something
    is pending. What it has not seen as pending is not sent as an error.
    """
    yet = 0
    for row in unit.session.exec(select(CommitStatusRow).where(CommitStatusRow.repository == repository)).all():
        may_be_pending = row.sent == _PENDING or row.unsure  # at the forge
        if not may_be_pending and (row.state == _PENDING or row.due_at is None):
            unit.session.delete(row)
            continue
        if row.state == _PENDING:
            show(unit, repository, CommitStatus(row.commit, row.context, "error", line, row.target))
        row.due_at, row.attempts, yet = unit.now, 0, yet + 1
    unit.session.flush()
    return yet


def commit_status(commit: str, context: str, state: StatusState, line: str, target: str) -> CommitStatus:
    """Return a status whose description is the beginning of a line, with nothing in it that a reader would obey."""
    shown = escape_control_chars(" ".join(line.split()))
    if len(shown) > LONGEST_DESCRIPTION:
        shown = f"{shown[: LONGEST_DESCRIPTION - 1]}…"
    return CommitStatus(commit, context, state, truncate_text(shown), target)


def statuses_of(session: Session, repository: str, *, limit: int) -> list[StatusRecord]:
    """Return the statuses of a repository's commits, those that have changed last first."""
    query = select(CommitStatusRow).where(CommitStatusRow.repository == repository)
    return StatusRecord.all(session, query.order_by(col(CommitStatusRow.changed_at).desc()).limit(limit))


def due(session: Session, *, now: datetime, limit: int) -> list[tuple[str, str, str]]:
    """Return the keys of the statuses that are due to be sent, those that have waited longest first."""
    query = (
        select(CommitStatusRow.repository, CommitStatusRow.commit, CommitStatusRow.context)
        .join(GitRepositoryRow, col(GitRepositoryRow.name) == col(CommitStatusRow.repository))
        .where(col(CommitStatusRow.due_at) <= now, may_be_asked(now))
        .order_by(col(CommitStatusRow.due_at))
    )
    return [(repository, commit, context) for repository, commit, context in session.exec(query.limit(limit))]


def reserve(unit: UnitOfWork, key: tuple[str, str, str]) -> StatusRecord | None:
    """Return a status if it is due, as it was before, and let nobody else send it for a while."""
    query = select(CommitStatusRow).where(
        CommitStatusRow.repository == key[0], CommitStatusRow.commit == key[1], CommitStatusRow.context == key[2]
    )
    row = unit.session.exec(query.with_for_update(), execution_options={"populate_existing": True}).first()
    if row is None or row.due_at is None or row.due_at > unit.now:
        return None
    before = StatusRecord.of(row)
    row.due_at, row.attempts, row.unsure = unit.now + RESERVED, row.attempts + 1, True
    unit.session.add(row)
    return before


def set_sent(unit: UnitOfWork, sent: StatusRecord) -> None:
    """Record that the forge has a status."""
    row = _same(unit, sent)
    if row is not None:
        row.sent, row.due_at, row.unsure, row.trouble = sent.state, None, False, ""


def set_unsent(unit: UnitOfWork, tried: StatusRecord, trouble: str, *, unsure: bool) -> None:
    """Record that a status could not be sent; it is tried again after a pause that grows, and given up at last."""
    row = _same(unit, tried)
    if row is not None:
        row.trouble, row.unsure = trouble, tried.unsure or unsure  # an earlier attempt may have reached it
        row.due_at = unit.now + PAUSES[row.attempts - 1] if row.attempts <= len(PAUSES) else None


def set_deferred(unit: UnitOfWork, tried: StatusRecord, until: datetime) -> None:
    """Record that the forge takes no status before then: no failure, and no attempt."""
    row = _same(unit, tried)
    if row is not None:
        row.due_at, row.attempts, row.unsure = until, tried.attempts, tried.unsure


def forget_statuses(session: Session, *, before: datetime) -> None:
    """Delete statuses that have not changed for long, and are not to be sent."""
    old = (col(CommitStatusRow.changed_at) < before) & col(CommitStatusRow.due_at).is_(None)
    session.exec(delete(CommitStatusRow).where(old))


def _drop(session: Session, key: tuple[str, str, str]) -> None:
    row = session.get(CommitStatusRow, key, populate_existing=True)
    if row is not None:
        session.delete(row)


def _same(unit: UnitOfWork, record: StatusRecord) -> CommitStatusRow | None:
    """Return the row of a status, unless it is another one by now."""
    row = unit.session.get(
        CommitStatusRow,
        (record.repository, record.commit, record.context),
        populate_existing=True,
        with_for_update=True,
    )
    return row if row is not None and _shown(row) == _shown(record) else None


def _shown(status: CommitStatusRow | StatusRecord | CommitStatus) -> tuple[str, str, str]:
    return status.state, status.description, status.target
