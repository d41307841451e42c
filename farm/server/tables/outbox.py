"""The outbox: messages that were promised inside a transaction, to be sent after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete, select, update

from farm.server.tables.job_rows import OutboxRow
from farm.server.tables.records import OutboxMessage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlmodel import Session


def unsent(session: Session, *, limit: int) -> list[OutboxMessage]:
    """Return messages that were not sent yet, oldest first."""
    query = select(OutboxRow).where(col(OutboxRow.sent_at).is_(None)).order_by(col(OutboxRow.id)).limit(limit)
    return [OutboxMessage(row.id or 0, row.task, row.job_id) for row in session.exec(query)]


def mark_sent(session: Session, rings: Iterable[int], *, now: datetime) -> None:
    """Record that messages were given to the broker. What was sent and not recorded is sent again; nobody minds."""
    session.exec(update(OutboxRow).where(col(OutboxRow.id).in_(list(rings))).values(sent_at=now))


def forget_sent(session: Session, *, before: datetime) -> int:
    """Remove messages that were sent before `before`, and return how many."""
    return session.exec(delete(OutboxRow).where(col(OutboxRow.sent_at) < before)).rowcount
