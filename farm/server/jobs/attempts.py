"""Attempts and the leases that they hold. Every write is conditional on the live lease of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select, update

from farm.core.names.grouping import grouped
from farm.server.tables.job_rows import AttemptRow
from farm.server.tables.reading import rows_with
from farm.server.tables.records import Attempt
from farm.server.tables.states import LIVE_ATTEMPT, AttemptState
from farm.server.tables.writing import changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlmodel import Session

    from farm.core.buildlog.first_error import FirstError


def add_attempt(
    session: Session, *, job_id: int, worker: str, token_digest: str, now: datetime, expires_at: datetime
) -> Attempt:
    """Record a new lease. The database refuses a second live one for the same job (`IntegrityError`)."""
    number = session.exec(select(func.max(AttemptRow.number)).where(AttemptRow.job_id == job_id)).one() or 0
    row = AttemptRow(
        job_id=job_id,
        number=number + 1,
        worker=worker,
        token_digest=token_digest,
        state=AttemptState.LEASED,
        claimed_at=now,
        heartbeat_at=now,
        expires_at=expires_at,
    )
    return Attempt.added(session, row)


def attempt(session: Session, attempt_id: int) -> Attempt | None:
    """Return an attempt as the transaction sees it now."""
    return Attempt.first(session, select(AttemptRow).where(AttemptRow.id == attempt_id))


def holder(session: Session, attempt_id: int, *, worker: str, token_digest: str, lock: bool = False) -> Attempt | None:
    """Return an attempt that this worker holds, or held, under this token. With `lock`, others wait to change it."""
    query = select(AttemptRow).where(
        AttemptRow.id == attempt_id, AttemptRow.worker == worker, AttemptRow.token_digest == token_digest
    )
    if lock:
        query = query.with_for_update()
    return Attempt.first(session, query)


def change_live(session: Session, attempt: Attempt, *, now: datetime, **values: Any) -> bool:
    """Change an attempt whose lease is live and not expired; False if it is not."""
    live = update(AttemptRow).where(
        col(AttemptRow.id) == attempt.id, col(AttemptRow.state).in_(LIVE_ATTEMPT), col(AttemptRow.expires_at) > now
    )
    return changes_rows(session, live.values(**values))


def end(session: Session, attempt: Attempt, state: AttemptState, *, now: datetime, **values: Any) -> bool:
    """End a live attempt by the farm's decision, expired or not; False when it has ended already."""
    live = update(AttemptRow).where(col(AttemptRow.id) == attempt.id, col(AttemptRow.state).in_(LIVE_ATTEMPT))
    return changes_rows(session, live.values(state=state, finished_at=now, **values))


def expired(session: Session, *, before: datetime, limit: int) -> list[Attempt]:
    """Return live attempts whose lease expired before `before`, the earliest first."""
    query = (
        select(AttemptRow)
        .where(col(AttemptRow.state).in_(LIVE_ATTEMPT), col(AttemptRow.expires_at) < before)
        .order_by(col(AttemptRow.expires_at))
        .limit(limit)
    )
    return Attempt.all(session, query)


def live_attempt(session: Session, job_id: int) -> Attempt | None:
    """Return the attempt that holds a job's lease."""
    query = select(AttemptRow).where(AttemptRow.job_id == job_id, col(AttemptRow.state).in_(LIVE_ATTEMPT))
    return Attempt.first(session, query)


def attempts_of(session: Session, job_id: int) -> list[Attempt]:
    """Return all attempts at a job, oldest first."""
    query = select(AttemptRow).where(AttemptRow.job_id == job_id).order_by(col(AttemptRow.number))
    return Attempt.all(session, query)


def attempts_of_jobs(session: Session, job_ids: Iterable[int]) -> dict[int, list[Attempt]]:
    """Return the attempts at each of these jobs, oldest first; jobs without one are left out."""
    query = select(AttemptRow).order_by(col(AttemptRow.number))
    rows = rows_with(session, query, AttemptRow.job_id, job_ids)
    return grouped((row.job_id, Attempt.of(row)) for row in rows)


def first_error_of(session: Session, job_id: int) -> FirstError | None:
    """Return the first error of a job's newest attempt; None if it has none."""
    tried = attempts_of(session, job_id)
    return tried[-1].first_error if tried else None


def attested(session: Session, job_ids: Iterable[int]) -> dict[int, Attempt]:
    """Return the attempts with a signed outcome, by job; each has ended its job."""
    query = select(AttemptRow).where(col(AttemptRow.attestation) != "")
    return {row.job_id: Attempt.of(row) for row in rows_with(session, query, AttemptRow.job_id, job_ids)}
