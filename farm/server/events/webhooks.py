"""Webhooks: addresses that people register for their own events. A secret is returned once, and never listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlmodel import col, delete, func, select

from farm.api.notification_wire import EventKind
from farm.core.names.wording import counted
from farm.errors import FarmError
from farm.server.events import deliveries
from farm.server.events.signature import new_secret
from farm.server.tables.notification_rows import DeliveryRow, WebhookRow
from farm.server.tables.reading import ColumnText, Record
from farm.server.tables.writing import add_rows
from farm.store.http.download_policy import check_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.http.address_guard import AddressGuard

MOST_EACH = 10
"""How many webhooks a person may have."""

_KINDS = ColumnText(read=lambda text: tuple(map(EventKind, filter(None, text.split(",")))), write=",".join)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(Record, texts={"events": _KINDS}):
    """A webhook without its secret. No `events` means all; `trouble` is the last error, or why it was disabled."""

    id: int
    owner: str
    url: str
    events: tuple[EventKind, ...]
    created_at: datetime
    failures: int
    not_before: datetime | None
    trouble: str
    delivered_at: datetime | None
    disabled_at: datetime | None


def add_webhook(
    unit: UnitOfWork, owner: str, url: str, events: Iterable[EventKind], *, guard: AddressGuard | None = None
) -> tuple[Webhook, str]:
    """Register an address for the events of `owner`; return the webhook and its secret.

    Raises `ForbiddenAddressError`, `FarmError` (`too-many-webhooks`). An address that `guard` forbids is refused at
    once; what a name resolves to is checked each time something is sent.
    """
    check_url(url)
    if guard is not None:
        guard.check_host(urlsplit(url).hostname or "")
    if len(webhooks_of(unit.session, owner)) >= MOST_EACH:
        raise FarmError(
            f"you have {MOST_EACH} webhooks, the most allowed",
            remedy="Remove one: farm notify list, farm notify remove.",
            code="too-many-webhooks",
        )
    secret = new_secret()
    kinds = _KINDS.write(sorted(set(events)))
    row = WebhookRow(owner=owner, url=url, events=kinds, secret=secret, created_at=unit.now)
    return Webhook.added(unit.session, row), secret


def webhooks_of(session: Session, owner: str) -> list[Webhook]:
    """Return the webhooks of a person, oldest first."""
    return Webhook.all(session, select(WebhookRow).where(WebhookRow.owner == owner).order_by(col(WebhookRow.id)))


def find_webhook(session: Session, owner: str, number: int) -> Webhook:
    """Return a webhook of this person. Raises `FarmError` (`not-found`), also for one of somebody else."""
    query = select(WebhookRow).where(WebhookRow.id == number, WebhookRow.owner == owner)
    found = Webhook.first(session, query)
    if found is None:
        raise FarmError(f"you have no webhook {number}", remedy="See `farm notify list`.", code="not-found")
    return found


def remove_webhook(unit: UnitOfWork, owner: str, number: int) -> Webhook:
    """Remove a webhook of this person, with what was not delivered yet. Raises `FarmError` (`not-found`)."""
    found = find_webhook(unit.session, owner, number)
    unit.session.exec(delete(DeliveryRow).where(col(DeliveryRow.webhook_id) == number))
    unit.session.exec(delete(WebhookRow).where(col(WebhookRow.id) == number))
    return found


def send_test(unit: UnitOfWork, owner: str, number: int) -> str:
    """Put a test message for a webhook into the outbox, to be sent at once; return its id.

    Raises `FarmError` (`not-found`, `webhook-disabled`, `messages-wait`).
    """
    found = find_webhook(unit.session, owner, number)
    if found.disabled_at is not None:
        raise FarmError(
            f"webhook {number} was disabled: {found.trouble}",
            remedy="Remove it, and add it again.",
            code="webhook-disabled",
        )
    waiting = deliveries.count_waiting(unit.session, number)
    if waiting >= deliveries.MOST_WAITING or deliveries.is_test_waiting(unit.session, number):
        raise FarmError(
            f"a test, or as much as can wait, waits for webhook {number} already: {counted(waiting, 'message')}",
            remedy="See `farm notify list` for when it is tried again, and why it did not take them.",
            code="messages-wait",
        )
    row = deliveries.new_delivery(number, event=None, now=unit.now)
    add_rows(unit.session, [row])
    return row.message


def count_waiting(session: Session, webhooks: Iterable[Webhook]) -> dict[int, int]:
    """Return how many messages wait for each of these webhooks."""
    query = (
        select(DeliveryRow.webhook_id, func.count())
        .where(col(DeliveryRow.webhook_id).in_([webhook.id for webhook in webhooks]))
        .group_by(col(DeliveryRow.webhook_id))
    )
    return dict(session.exec(query).all())
