"""Upkeep on a timer: expired leases, messages to send, and rows to delete.

Each function may run at any time, any number of times, in several processes at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.plan.trouble import Trouble
from farm.server.events import events, recording
from farm.server.git.received_webhooks import forget_deliveries
from farm.server.git.statuses import forget_statuses
from farm.server.identities import identities
from farm.server.jobs import attempts, job_queue, jobs
from farm.server.jobs.troubles import after_trouble
from farm.server.tables import outbox
from farm.server.tables.states import LEASED, AttemptState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.tables.records import Attempt, OutboxMessage
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_AT_ONCE = 100
_KEEP_SENT = timedelta(days=1)
_KEEP_EVENTS = timedelta(days=90)
_KEEP_WEBHOOKS = timedelta(days=30)
_KEEP_STATUSES = timedelta(days=180)
"""How long it is known what a forge shows of a commit."""
_KEEP_STRANGERS = timedelta(days=30)
"""How long refused requests of unknown clients are stored. Those of known clients are stored for good."""


def take_back_expired(application: Application) -> int:
    """End attempts whose lease and grace have expired, and make their jobs ready for others; return how many."""
    with application.reading() as unit:
        if not attempts.expired(unit.session, before=unit.now - unit.lease_policy.grace, limit=1):
            return 0
    with application.planning() as unit:
        expired = attempts.expired(unit.session, before=unit.now - unit.lease_policy.grace, limit=_AT_ONCE)
        return sum(_take_back(unit, attempt) for attempt in expired)


def dispatch(application: Application, send: Callable[[OutboxMessage], None]) -> int:
    """Send the messages of the outbox, and return how many were sent.

    A message that was sent but not marked is sent again: a woken worker asks the database anyway. `send` raises if the
    broker cannot be reached; the other messages wait for the next call.
    """
    with application.reading() as unit:
        messages = outbox.unsent(unit.session, limit=_AT_ONCE)
    sent: list[int] = []
    try:
        for message in messages:
            send(message)
            sent.append(message.id)
    finally:
        if sent:
            with application.writing() as unit:
                outbox.mark_sent(unit.session, sent, now=unit.now)
    return len(sent)


def notify_again(application: Application) -> int:
    """Notify workers again of jobs that have been ready for long, as messages get lost; return how many."""
    with application.reading() as unit:
        before = unit.now - unit.lease_policy.ring_again
        if not job_queue.overdue_notifications(unit.session, before=before, now=unit.now, limit=1):
            return 0
    with application.writing() as unit:
        overdue = job_queue.overdue_notifications(unit.session, before=before, now=unit.now, limit=_AT_ONCE)
        for job in overdue:
            job_queue.notify_again(unit.session, job.id, now=unit.now)
        return len(overdue)


def forget(application: Application) -> None:
    """Delete rows that are no longer needed: expired nonces, sent messages, old events, refusals of unknown clients."""
    with application.writing() as unit:
        identities.forget_nonces(unit.session, before=unit.now)
        outbox.forget_sent(unit.session, before=unit.now - _KEEP_SENT)
        identities.delete_unknown_clients(unit.session, before=unit.now - _KEEP_STRANGERS)
        events.forget(unit.session, before=unit.now - _KEEP_EVENTS)
        forget_deliveries(unit.session, before=unit.now - _KEEP_WEBHOOKS)
        forget_statuses(unit.session, before=unit.now - _KEEP_STATUSES)


def notify_after_quiet(application: Application) -> int:
    """Add the events of states that changed too often to make one each time; return how many rows were looked at."""
    with application.reading() as unit:
        if not recording.any_quiet(unit.session, now=unit.now):
            return 0
    with application.writing() as unit:
        return recording.notify_after_quiet(unit.session, now=unit.now)


def _take_back(unit: UnitOfWork, attempt: Attempt) -> bool:
    message = f"no heartbeat from {attempt.worker} since {attempt.heartbeat_at:%H:%M:%S} UTC"
    code = "lease-expired"
    how = {"error_code": code, "error": message, "trouble": Trouble.LOST}
    if not attempts.end(unit.session, attempt, AttemptState.LOST, now=unit.now, **how):
        return False
    job = jobs.find_job(unit.session, attempt.job_id, lock=True)
    if job.state not in LEASED:
        return False
    after_trouble(unit, job, Trouble.LOST, code=code, error=message)
    return True
