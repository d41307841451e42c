"""Workers, tokens, used nonces and the audit trail: written and read."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, delete, select, update

from farm.server.tables.identity_rows import AuditRow, NonceRow, TokenRow, WorkerRow
from farm.server.tables.records import AuditEvent, Token, Worker
from farm.server.tables.writing import add_rows, changes_rows

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

    from farm.server.tables.states import Role


_LATE = timedelta(minutes=1)
"""Lines written at the same time may have numbers in another order than their times, by less than this."""


def token_digest(token: str) -> str:
    """Return the hash by which a token is stored. Tokens are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def enrol_worker(session: Session, worker: Worker) -> None:
    """Record a worker, or give a known one another key and other roles."""
    row = session.get(WorkerRow, worker.name) or WorkerRow(**worker.columns())
    row.sqlmodel_update({**worker.columns(), "revoked_at": None})
    add_rows(session, [row])


def revoke_worker(session: Session, name: str, *, now: datetime) -> bool:
    """Revoke a worker's key; False when there is no such worker."""
    return changes_rows(session, update(WorkerRow).where(col(WorkerRow.name) == name).values(revoked_at=now))


def worker(session: Session, name: str) -> Worker | None:
    """Return a worker by its name, revoked or not."""
    return Worker.first(session, select(WorkerRow).where(WorkerRow.name == name))


def workers(session: Session) -> list[Worker]:
    """Return all workers by name."""
    return Worker.all(session, select(WorkerRow).order_by(WorkerRow.name))


def worker_seen(session: Session, name: str, *, now: datetime) -> None:
    """Record that a worker has sent a request."""
    session.exec(update(WorkerRow).where(col(WorkerRow.name) == name).values(seen_at=now))


def use_nonce(session: Session, *, worker: str, nonce: str, expires_at: datetime) -> bool:
    """Take a nonce; False when this worker has used it before."""
    try:
        with session.begin_nested():
            session.add(NonceRow(worker=worker, nonce=nonce, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


def forget_nonces(session: Session, *, before: datetime) -> int:
    """Delete expired nonces, and return how many."""
    return session.exec(delete(NonceRow).where(col(NonceRow.expires_at) < before)).rowcount


def add_token(session: Session, *, digest: str, name: str, role: Role, now: datetime, expires_at: datetime) -> Token:
    """Record a token by its digest."""
    row = TokenRow(digest=digest, name=name, role=role, created_at=now, expires_at=expires_at)
    return Token.added(session, row)


def token(session: Session, digest: str) -> Token | None:
    """Return the token of this digest, expired or revoked ones too."""
    return Token.first(session, select(TokenRow).where(TokenRow.digest == digest))


def revoke_token(session: Session, token_id: int, *, now: datetime) -> bool:
    """Revoke a token; False when there is none of this number."""
    return changes_rows(session, update(TokenRow).where(col(TokenRow.id) == token_id).values(revoked_at=now))


def add_audit(session: Session, audit: AuditEvent) -> None:
    """Add a line to the audit trail."""
    add_rows(session, [AuditRow(**audit.columns())])


def delete_unknown_clients(session: Session, *, before: datetime) -> int:
    """Delete lines about refused requests of unknown clients from before this time; return how many."""
    unknown = and_(col(AuditRow.actor) == "", col(AuditRow.allowed).is_(other=False), col(AuditRow.at) < before)
    return session.exec(delete(AuditRow).where(unknown)).rowcount


def audit_trail(
    session: Session,
    *,
    channel: str = "",
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[tuple[int, AuditEvent]]:
    """Return lines of the audit trail with their numbers, newest first.

    Only those about one channel, those from a time on, and those before the number `before`; an index finds each.
    """
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(AuditRow.id) < before)
    if channel:
        query = query.where(AuditRow.channel == channel)
    if since is not None:
        # Without a bound on the numbers, the query would read all lines to find those of the last hour.
        older = select(AuditRow.id).where(col(AuditRow.at) < since - _LATE).order_by(col(AuditRow.at).desc()).limit(1)
        query = query.where(col(AuditRow.at) >= since, col(AuditRow.id) > (session.exec(older).first() or 0))
    return [(row.id or 0, AuditEvent.of(row)) for row in session.exec(query)]
