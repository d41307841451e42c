"""Signed orders on their way to the signer; the people whose orders count; what lacks a signature. Written and read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, or_, select, update

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.server.tables.curation_rows import OrderSignersRow, ReportRow, SignedOrderRow, UnsignedClaimRow
from farm.server.tables.reading import Record
from farm.server.tables.writing import add_rows, add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

_ONLY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder(
    Record,
    Form,
    record="signed order",
    keys={"digest": "order", "delivered_at": "brought-at"},
    outside={"envelope", "order_id"},
):
    """A signed order. `delivered_at` is when the signer took it; `refused` is why it did not.

    `order_id` is the order to the pipeline that it carries or withdraws, if any.
    """

    digest: Digest
    channel: str
    act: str
    curator: str
    envelope: str
    at: datetime
    order_id: int | None = None
    delivered_at: datetime | None = None
    refused: str = ""


def who_orders(session: Session) -> Mapping[str, str] | None:
    """Return the people whose orders count, by name, with public keys; None if no order has to be signed."""
    row = session.get(OrderSignersRow, _ONLY, populate_existing=True)
    if row is None:
        return None
    people: Mapping[str, str] | None = json.loads(row.people)
    return people


def set_who_orders(session: Session, people: Mapping[str, str] | None) -> None:
    """Set the people whose orders count."""
    text = canonical_json(None if people is None else dict(people)).decode()
    session.merge(OrderSignersRow(id=_ONLY, people=text))


def retry_refused(session: Session, since: datetime) -> None:
    """Deliver orders that the signer has refused since then again: it may take them now."""
    refused = (
        col(SignedOrderRow.delivered_at).is_(None),
        col(SignedOrderRow.refused) != "",
        col(SignedOrderRow.at) >= since,
    )
    session.exec(update(SignedOrderRow).where(*refused).values(refused=""))


def keep(session: Session, order: SignedOrder) -> None:
    """Store an order for delivery to the signer. A stored one stays as it is."""
    add_unless_stored(session, SignedOrderRow(**order.columns()))


def signed_order(session: Session, digest: str) -> SignedOrder | None:
    """Return an order by the digest of its statement."""
    return SignedOrder.first(session, select(SignedOrderRow).where(SignedOrderRow.digest == digest))


def about_orders(session: Session, order_ids: Collection[int]) -> list[SignedOrder]:
    """Return the signed statements about orders to the pipeline, oldest first: orders and withdrawals."""
    query = select(SignedOrderRow).where(col(SignedOrderRow.order_id).in_(order_ids))
    return SignedOrder.all(session, query.order_by(col(SignedOrderRow.at)))


def of_act(session: Session, channel: str, act: str) -> list[SignedOrder]:
    """Return the orders of an act to a channel that the signer has not refused, in order of arrival."""
    query = select(SignedOrderRow).where(
        SignedOrderRow.channel == channel, SignedOrderRow.act == act, SignedOrderRow.refused == ""
    )
    return SignedOrder.all(session, query.order_by(col(SignedOrderRow.at)))


def undelivered(session: Session, limit: int) -> list[SignedOrder]:
    """Return the orders that are still to be delivered to the signer, oldest first."""
    query = select(SignedOrderRow).where(col(SignedOrderRow.delivered_at).is_(None), SignedOrderRow.refused == "")
    return SignedOrder.all(session, query.order_by(col(SignedOrderRow.at)).limit(limit))


def undelivered_or_refused(session: Session, channel: str, limit: int = 20) -> list[SignedOrder]:
    """Return the orders to a channel that the signer does not have yet, or has refused; newest first."""
    query = select(SignedOrderRow).where(SignedOrderRow.channel == channel, col(SignedOrderRow.delivered_at).is_(None))
    return SignedOrder.all(session, query.order_by(col(SignedOrderRow.at).desc()).limit(limit))


def delivered_to_channel(session: Session, channel: str, since: datetime) -> list[SignedOrder]:
    """Return the orders to a channel that the signer has and that arrived here since then."""
    query = select(SignedOrderRow).where(
        SignedOrderRow.channel == channel,
        col(SignedOrderRow.delivered_at).is_not(None),
        col(SignedOrderRow.at) >= since,
    )
    return SignedOrder.all(session, query)


def record_delivery(session: Session, digest: Digest, *, now: datetime, refused: str = "") -> None:
    """Record that the signer has taken an order, or why it has not."""
    values = {"refused": refused} if refused else {"delivered_at": now}
    session.exec(update(SignedOrderRow).where(col(SignedOrderRow.digest) == digest).values(**values))


def delivered_since(session: Session, act: str, since: datetime) -> list[SignedOrder]:
    """Return orders of an act that the signer has and that arrived here since then."""
    query = select(SignedOrderRow).where(
        SignedOrderRow.act == act, col(SignedOrderRow.delivered_at).is_not(None), col(SignedOrderRow.at) >= since
    )
    return SignedOrder.all(session, query.order_by(col(SignedOrderRow.at)))


def state_of_delivered(session: Session, act: str) -> tuple[int, str]:
    """Return a value that changes when an order of an act is delivered, or when other people may give orders."""
    query = select(func.count()).select_from(SignedOrderRow)
    count = session.exec(query.where(SignedOrderRow.act == act, col(SignedOrderRow.delivered_at).is_not(None))).one()
    row = session.get(OrderSignersRow, _ONLY, populate_existing=True)
    return count, row.people if row else ""


def set_unsigned_claims(session: Session, claims: Mapping[Digest, str]) -> None:
    """Set the documents that lack a signature, each with a description."""
    if claims == unsigned_claims(session):
        return
    session.exec(delete(UnsignedClaimRow))
    add_rows(session, (UnsignedClaimRow(digest=digest, description=text) for digest, text in claims.items()))


def unsigned_claims(session: Session) -> dict[Digest, str]:
    """Return the documents that are unpublished for lack of a signature, by the digest of their canonical JSON."""
    return {Digest(row.digest): row.description for row in session.exec(select(UnsignedClaimRow))}


def undelivered_reports(session: Session, limit: int, *, closed: Collection[int] = ()) -> dict[str, list[int]]:
    """Return the oldest open reports that the signer does not have, up to a number for each channel.

    Also those of the `closed` numbers that it does not have. None while nobody's orders count with it: it could close
    none.
    """
    if who_orders(session) is None:
        return {}
    wanted = or_(col(ReportRow.resolved_at).is_(None), col(ReportRow.id).in_(closed))
    missing = (col(ReportRow.delivered_at).is_(None), wanted)
    return {
        channel: _oldest_reports(session, limit, ReportRow.channel == channel, *missing)
        for channel in session.exec(select(ReportRow.channel).where(*missing).distinct()).all()
    }


def undelivered_reports_of(session: Session, channel: str, limit: int = 20) -> list[int]:
    """Return the numbers of open reports on a channel that the signer lacks; empty if it takes none."""
    if who_orders(session) is None:
        return []
    missing = (col(ReportRow.delivered_at).is_(None), col(ReportRow.resolved_at).is_(None))
    return _oldest_reports(session, limit, ReportRow.channel == channel, *missing)


def _oldest_reports(session: Session, limit: int, *which: ColumnElement[bool] | bool) -> list[int]:
    query = select(col(ReportRow.id)).where(*which).order_by(col(ReportRow.id)).limit(limit)
    return [number for number in session.exec(query) if number is not None]


def record_report_delivery(session: Session, number: int, *, now: datetime) -> None:
    """Record that the signer has a report."""
    session.exec(update(ReportRow).where(col(ReportRow.id) == number).values(delivered_at=now))
