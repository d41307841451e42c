"""The outbox: messages that a transaction wrote, to be sent after it is committed."""

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
    """Return the messages that are not sent yet, oldest first."""
    query = select(OutboxRow).where(col(OutboxRow.sent_at).is_(None)).order_by(col(OutboxRow.id)).limit(limit)
    return OutboxMessage.all(session, query)


def mark_sent(session: Session, messages: Iterable[int], *, now: datetime) -> None:
    """Record that messages were given to the broker. A message that was sent and not recorded is sent again."""
    session.exec(update(OutboxRow).where(col(OutboxRow.id).in_(list(messages))).values(sent_at=now))


def forget_sent(session: Session, *, before: datetime) -> int:
    """Delete messages that were sent before `before`, and return how many."""
    return session.exec(delete(OutboxRow).where(col(OutboxRow.sent_at) < before)).rowcount
