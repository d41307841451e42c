"""Delivers events to webhooks: at least once, retried with growing pauses, and given up at last with a reason.

A message is a row of the outbox until it is delivered. Whoever sends it reserves it first: if the process is killed
between sending and recording, the message is sent again after `_RESERVED`, with the same id.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import col, delete, func, or_, select, update

from farm.core.names.canonical_json import canonical_json
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.server.events import events
from farm.server.events.signature import signed_headers
from farm.server.tables.notification_rows import DeliveryRow, WebhookRow
from farm.server.tables.reading import rows_with
from farm.server.transaction.text import truncate_text
from farm.store.http.exchange import ExchangePolicy, exchange

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlmodel import Session

    from farm.server.tables.notification_rows import EventRow
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 12 * 3600))
"""The pause after each failure in a row. A webhook that fails once more is disabled."""
MOST_WAITING = 1000
"""How many messages may wait for one webhook; it is disabled when there are more."""
_RESERVED = timedelta(seconds=30)
_AT_ONCE = 8
_HOOKS = 64
_MESSAGES = 20
_SECONDS_EACH = 15.0
"""After how long no further message is sent to a webhook in the same round."""
_OF_ONE_OWNER = 2
"""How many webhooks of the same person a round sends to."""
_GONE = 410
_TEST = "webhook.test"
_LONGEST_TROUBLE = 500


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is being sent: `body` is the same each time it is tried."""

    id: int
    webhook: int
    url: str
    secret: str
    message: str
    body: bytes


def new_delivery(webhook: int, *, event: int | None, now: datetime, not_before: datetime | None = None) -> DeliveryRow:
    """Return the row of a new message."""
    message = f"msg_{secrets.token_hex(16)}"
    due = max(now, not_before) if not_before else now
    return DeliveryRow(webhook_id=webhook, message=message, event_id=event, created_at=now, due_at=due)


def count_waiting(session: Session, hook: int) -> int:
    """Return how many messages wait for a webhook."""
    return session.exec(select(func.count()).where(DeliveryRow.webhook_id == hook)).one()


def is_test_waiting(session: Session, hook: int) -> bool:
    """Return whether a test message waits for a webhook."""
    query = select(DeliveryRow.id).where(DeliveryRow.webhook_id == hook, col(DeliveryRow.event_id).is_(None))
    return session.exec(query.limit(1)).first() is not None


def queue(session: Session, events: Iterable[EventRow], *, now: datetime) -> None:
    """Put events into the outbox of the webhooks that ask for them, in the transaction of the event."""
    by_submitter: dict[str, list[EventRow]] = {}
    for event in events:
        by_submitter.setdefault(event.submitter, []).append(event)
    if not by_submitter:
        return
    session.flush()
    query = select(WebhookRow).where(col(WebhookRow.disabled_at).is_(None))
    for hook in list(rows_with(session, query, WebhookRow.owner, by_submitter)):
        wanted = set(filter(None, hook.events.split(",")))
        rows = [
            new_delivery(hook.id or 0, event=event.id, now=now, not_before=hook.not_before)
            for event in by_submitter[hook.owner]
            if not wanted or event.kind in wanted
        ]
        if rows and count_waiting(session, hook.id or 0) + len(rows) > MOST_WAITING:
            _disable(session, hook, f"more than {MOST_WAITING} messages waited for it", now=now)
        else:
            session.add_all(rows)


def deliver_due(application: Application, policy: ExchangePolicy, address: str) -> int:
    """Send the messages that are due, to several webhooks at once; return how many were delivered.

    A webhook that is slow or down delays others little: it has its turn again after them. `address` is that of the
    farm, for links.
    """
    with application.reading() as unit:
        hooks = _hooks_with_due(unit)
    if not hooks:
        return 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as senders:
        return sum(senders.map(lambda hook: _deliver_to(application, hook, policy, address), hooks))


def _hooks_with_due(unit: UnitOfWork) -> list[int]:
    """Return the webhooks whose turn it is: those with the oldest messages, and of each owner only some."""
    oldest = func.min(DeliveryRow.due_at)
    place = func.row_number().over(partition_by=WebhookRow.owner, order_by=(oldest, col(WebhookRow.id)))
    ranked = (
        select(col(WebhookRow.id).label("hook"), oldest.label("oldest"), place.label("place"))
        .join(DeliveryRow, col(DeliveryRow.webhook_id) == col(WebhookRow.id))
        .where(col(DeliveryRow.due_at) <= unit.now)
        .group_by(col(WebhookRow.id), col(WebhookRow.owner))
        .subquery()
    )
    query = select(ranked.c.hook).where(ranked.c.place <= _OF_ONE_OWNER).order_by(ranked.c.oldest, ranked.c.hook)
    return list(unit.session.exec(query.limit(_HOOKS)))


def _deliver_to(application: Application, hook: int, policy: ExchangePolicy, address: str) -> int:
    """Send some messages to one webhook, in order, until one fails or it was too slow; return how many it took."""
    until = time.monotonic() + _SECONDS_EACH
    for delivered in range(_MESSAGES):
        if time.monotonic() >= until:
            return delivered
        with application.writing() as unit:
            message = _reserve(unit, hook, address)
        if message is None:
            return delivered
        trouble, gone = _send(message, policy, at=int(unit.now.timestamp()))
        with application.writing() as unit:
            if trouble:
                _record_failure(unit, message, trouble, gone=gone)
                return delivered
            _record_delivered(unit, message)
    return _MESSAGES


def _reserve(unit: UnitOfWork, hook: int, address: str) -> Message | None:
    """Return the next due message of a webhook; nobody else sends it for a while."""
    query = (
        select(DeliveryRow, WebhookRow)
        .join(WebhookRow, col(WebhookRow.id) == col(DeliveryRow.webhook_id))
        .where(DeliveryRow.webhook_id == hook, col(DeliveryRow.due_at) <= unit.now)
        .order_by(col(DeliveryRow.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = unit.session.exec(query).first()
    if found is None:
        return None
    row, webhook = found
    row.due_at, row.attempts = unit.now + _RESERVED, row.attempts + 1
    body = canonical_json(_body(unit, row, address))
    return Message(row.id or 0, hook, webhook.url, webhook.secret, row.message, body)


def _body(unit: UnitOfWork, row: DeliveryRow, address: str) -> dict[str, Any]:
    event = events.event(unit.session, row.event_id) if row.event_id is not None else None
    if event is not None:
        return event.message(address)
    return {"type": _TEST, "timestamp": utc_text(row.created_at), "data": {"url": f"{address}/"}}


def _send(message: Message, policy: ExchangePolicy, *, at: int) -> tuple[str, bool]:
    """Send a message; return why it was not taken (empty if it was), and whether the address is gone for good."""
    headers = signed_headers(message.secret, message.message, at, message.body)
    try:
        status = exchange("POST", message.url, headers, policy, body=message.body).status
    except FarmError as error:
        return truncate_text(error.in_a_line, longest=_LONGEST_TROUBLE), False
    return ("", False) if 200 <= status < 300 else (f"it answered with HTTP status {status}", status == _GONE)


def _record_delivered(unit: UnitOfWork, message: Message) -> None:
    unit.session.exec(delete(DeliveryRow).where(col(DeliveryRow.id) == message.id))
    well = {"failures": 0, "failing_since": None, "not_before": None, "trouble": "", "delivered_at": unit.now}
    unit.session.exec(update(WebhookRow).where(col(WebhookRow.id) == message.webhook).values(**well))


def _record_failure(unit: UnitOfWork, message: Message, trouble: str, *, gone: bool) -> None:
    hook = unit.session.get(WebhookRow, message.webhook, populate_existing=True, with_for_update=True)
    if hook is None:
        return
    hook.failures += 1
    hook.failing_since = hook.failing_since or unit.now
    hook.trouble = trouble
    if gone or hook.failures > len(PAUSES):
        why = "it wants no more messages (HTTP status 410)" if gone else f"{hook.failures} attempts failed: {trouble}"
        _disable(unit.session, hook, why, now=unit.now)
        return
    hook.not_before = unit.now + PAUSES[hook.failures - 1]
    mine = update(DeliveryRow).where(
        col(DeliveryRow.webhook_id) == hook.id,
        or_(col(DeliveryRow.due_at) < hook.not_before, col(DeliveryRow.id) == message.id),
    )
    unit.session.exec(mine.values(due_at=hook.not_before))


def _disable(session: Session, hook: WebhookRow, why: str, *, now: datetime) -> None:
    """Disable a webhook, and drop what was not delivered; the reason says how much that is."""
    dropped = session.exec(delete(DeliveryRow).where(col(DeliveryRow.webhook_id) == hook.id)).rowcount
    hook.disabled_at, hook.not_before = now, None
    hook.trouble = f"{why}; {dropped} {'message was' if dropped == 1 else 'messages were'} dropped"
