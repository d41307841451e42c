"""Orders of curators to the pipeline of a channel: given, carried out in turn, and done; written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select, update

from farm.core.names.form import Form
from farm.server.tables.curation_rows import OrderRow
from farm.server.tables.pipeline_states import OrderEnding, OrderKind
from farm.server.tables.reading import JSON_OBJECT, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Order(
    Record, Form, record="order", keys={"reason": "why", "candidate_id": "candidate"}, texts={"detail": JSON_OBJECT}
):
    """A curator's order. `detail` of promote: from, number, packages (empty: all); of rollback: number.

    Of retry: packages (empty: all that are held back) and, once it is taken up, the packages that must move `along`.

    `candidate_id` and `ending` are its result, `outcome` describes it for people; `ending` and `done_at` are None until
    then.
    """

    id: int
    channel: str
    kind: OrderKind
    detail: Mapping[str, Any]
    reason: str
    ordered_by: str
    at: datetime
    candidate_id: int | None
    done_at: datetime | None
    ending: OrderEnding | None
    outcome: str

    @property
    def summary(self) -> str:
        """What the order asks for, in a few words: `promote jq from edge release 12`."""
        named = self.detail.get("packages", ())
        if self.kind is OrderKind.ROLLBACK:
            return f"go back to release {self.detail['number']}"
        what = ", ".join(named) or "everything"
        if self.kind is OrderKind.PROMOTE:
            return f"promote {what} from {self.detail['from']} release {self.detail['number']}"
        return f"retry {what}" if named else "retry everything that is held back"

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values, with its summary."""
        return {**Form.to_dict(self), "summary": self.summary}


def add_order(
    session: Session,
    channel: str,
    kind: OrderKind,
    *,
    detail: Mapping[str, Any],
    reason: str,
    ordered_by: str,
    now: datetime,
) -> Order:
    """Record an order."""
    text = JSON_OBJECT.write(detail)
    row = OrderRow(channel=channel, kind=kind, detail=text, reason=reason, ordered_by=ordered_by, at=now)
    return Order.added(session, row)


def order(session: Session, order_id: int) -> Order | None:
    """Return an order by its number."""
    return Order.first(session, select(OrderRow).where(OrderRow.id == order_id))


def open_order(session: Session, channel: str) -> Order | None:
    """Return the oldest order of a channel that is not done."""
    query = select(OrderRow).where(OrderRow.channel == channel, col(OrderRow.done_at).is_(None))
    return Order.first(session, query.order_by(col(OrderRow.id)))


def order_of(session: Session, candidate_id: int) -> Order | None:
    """Return the order that a candidate was opened for, if any."""
    return Order.first(session, select(OrderRow).where(OrderRow.candidate_id == candidate_id))


def open_orders(session: Session, channel: str) -> list[Order]:
    """Return the orders of a channel that are not done, in the order in which they are carried out."""
    query = select(OrderRow).where(OrderRow.channel == channel, col(OrderRow.done_at).is_(None))
    return Order.all(session, query.order_by(col(OrderRow.id)))


def take_order(session: Session, order_id: int, *, candidate_id: int, along: Iterable[str] = ()) -> None:
    """Record the candidate that was opened for an order; the order is done when that candidate is decided.

    `along` are the packages that must move with those that the order names.
    """
    row = session.get_one(OrderRow, order_id)
    row.candidate_id = candidate_id
    if names := sorted(along):
        row.detail = JSON_OBJECT.write(JSON_OBJECT.read(row.detail) | {"along": names})


def finish_order(
    session: Session, order_id: int, *, candidate_id: int | None, ending: OrderEnding, outcome: str, now: datetime
) -> None:
    """Record the result of an order, unless it has one."""
    session.exec(
        update(OrderRow)
        .where(col(OrderRow.id) == order_id, col(OrderRow.done_at).is_(None))
        .values(candidate_id=candidate_id, ending=ending, outcome=outcome, done_at=now)
    )


def orders(session: Session, channel: str, limit: int = 20) -> list[Order]:
    """Return orders of a channel, the newest first."""
    query = select(OrderRow).where(OrderRow.channel == channel).order_by(col(OrderRow.id).desc()).limit(limit)
    return Order.all(session, query)
