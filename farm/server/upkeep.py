"""What the farm does by itself, on a timer: expired leases, messages to be sent, and what may be forgotten.

Each function may run at any time, any number of times, in several processes at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.plan.trouble import Trouble
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.jobs.troubles import after_trouble
from farm.server.tables import outbox
from farm.server.tables.states import LEASED, AttemptState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.tables.records import Attempt, Ring
    from farm.server.transaction.unit_of_work import Desk, Office

_AT_ONCE = 100
_KEEP_SENT = timedelta(days=1)
_KEEP_STRANGERS = timedelta(days=30)
"""What known callers did, or were refused, is kept for good; strangers come without end."""


def take_back_expired(office: Office) -> int:
    """End attempts whose lease ran out longer ago than the grace, and give their jobs to others; return how many."""
    with office.reading() as desk:
        if not attempts.expired(desk.session, before=desk.now - desk.terms.grace, limit=1):
            return 0
    with office.planning() as desk:
        expired = attempts.expired(desk.session, before=desk.now - desk.terms.grace, limit=_AT_ONCE)
        return sum(_take_back(desk, attempt) for attempt in expired)


def dispatch(office: Office, send: Callable[[Ring], None]) -> int:
    """Send what lies in the outbox, and return how many messages that was.

    What was sent and could not be marked is sent again: whoever is woken asks the database anyway. `send` raises when
    the broker cannot be reached; the rest waits for the next time.
    """
    with office.reading() as desk:
        rings = outbox.unsent(desk.session, limit=_AT_ONCE)
    sent: list[int] = []
    try:
        for ring in rings:
            send(ring)
            sent.append(ring.id)
    finally:
        if sent:
            with office.writing() as desk:
                outbox.mark_sent(desk.session, sent, now=desk.now)
    return len(sent)


def ring_again(office: Office) -> int:
    """Wake workers once more for jobs that have been ready for long: messages get lost. Return for how many."""
    with office.reading() as desk:
        before = desk.now - desk.terms.ring_again
        if not jobs.overdue_rings(desk.session, before=before, now=desk.now, limit=1):
            return 0
    with office.writing() as desk:
        overdue = jobs.overdue_rings(desk.session, before=before, now=desk.now, limit=_AT_ONCE)
        for job in overdue:
            jobs.note_ring(desk.session, job.id, now=desk.now)
        return len(overdue)


def forget(office: Office) -> None:
    """Remove rows that serve no purpose any more: nonces out of their window, old messages and guesses."""
    with office.writing() as desk:
        identities.forget_nonces(desk.session, before=desk.now)
        outbox.forget_sent(desk.session, before=desk.now - _KEEP_SENT)
        identities.forget_strangers(desk.session, before=desk.now - _KEEP_STRANGERS)


def _take_back(desk: Desk, attempt: Attempt) -> bool:
    message = f"no heartbeat from {attempt.worker} since {attempt.heartbeat_at:%H:%M:%S} UTC"
    code = "lease-expired"
    how = {"error_code": code, "error": message, "trouble": Trouble.LOST}
    if not attempts.end(desk.session, attempt, AttemptState.LOST, now=desk.now, **how):
        return False
    job = jobs.lock_job(desk.session, attempt.job_id)
    if job is None or job.state not in LEASED:
        return False
    after_trouble(desk, job, Trouble.LOST, code=code, error=message)
    return True
