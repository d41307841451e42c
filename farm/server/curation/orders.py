"""Orders of curators to the pipeline of a channel: given, taken in turn, and done; written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select, update

from farm.core.names.form import Form
from farm.server.tables.curation_rows import OrderRow
from farm.server.tables.pipeline_states import OrderEnding, OrderKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Order(Form, record="order", keys={"reason": "why", "candidate_id": "candidate"}):
    """What a curator asked for. `detail` of promote: from, number, packages (empty: all); of rollback: number.

    Of retry: packages (empty: all that is held back), and, once it was taken up, what must move `along` with them.

    `candidate_id` and `ending` say what came of it, `outcome` says it to people; `ending` and `done_at` are None until
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
        return f"look again at {what}" if named else "look again at everything that is held back"

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
    """Write down an order."""
    text = json.dumps(dict(detail), sort_keys=True)
    row = OrderRow(channel=channel, kind=kind, detail=text, reason=reason, ordered_by=ordered_by, at=now)
    session.add(row)
    session.flush()
    return _order(row)


def order(session: Session, order_id: int) -> Order | None:
    """Return an order by its number."""
    row = session.get(OrderRow, order_id, populate_existing=True)
    return _order(row) if row else None


def open_order(session: Session, channel: str) -> Order | None:
    """Return the oldest order of a channel that is not done."""
    query = select(OrderRow).where(OrderRow.channel == channel, col(OrderRow.done_at).is_(None))
    row = session.exec(query.order_by(col(OrderRow.id)).limit(1)).first()
    return _order(row) if row else None


def order_of(session: Session, candidate_id: int) -> Order | None:
    """Return the order that a candidate was opened for, if any."""
    row = session.exec(select(OrderRow).where(OrderRow.candidate_id == candidate_id)).first()
    return _order(row) if row else None


def open_orders(session: Session, channel: str) -> list[Order]:
    """Return the orders of a channel that are not done, in the order in which they will be."""
    query = select(OrderRow).where(OrderRow.channel == channel, col(OrderRow.done_at).is_(None))
    return [_order(row) for row in session.exec(query.order_by(col(OrderRow.id)))]


def take_order(session: Session, order_id: int, *, candidate_id: int, along: Iterable[str] = ()) -> None:
    """Write down which candidate was opened for an order; it is done when that candidate is decided.

    `along` are the packages that must move with those that the order names.
    """
    row = session.get_one(OrderRow, order_id)
    row.candidate_id = candidate_id
    if names := sorted(along):
        row.detail = json.dumps(json.loads(row.detail) | {"along": names}, sort_keys=True)
    session.flush()


def finish_order(
    session: Session, order_id: int, *, candidate_id: int | None, ending: OrderEnding, outcome: str, now: datetime
) -> None:
    """Write down what came of an order, unless that was done."""
    session.exec(
        update(OrderRow)
        .where(col(OrderRow.id) == order_id, col(OrderRow.done_at).is_(None))
        .values(candidate_id=candidate_id, ending=ending, outcome=outcome, done_at=now)
    )


def orders(session: Session, channel: str, limit: int = 20) -> list[Order]:
    """Return orders of a channel, the newest first."""
    query = select(OrderRow).where(OrderRow.channel == channel).order_by(col(OrderRow.id).desc()).limit(limit)
    return [_order(row) for row in session.exec(query)]


def _order(row: OrderRow) -> Order:
    assert row.id is not None  # noqa: S101  (a row that was read or flushed)
    return Order(
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        detail=MappingProxyType(json.loads(row.detail)),
        reason=row.reason,
        ordered_by=row.ordered_by,
        at=row.at,
        candidate_id=row.candidate_id,
        done_at=row.done_at,
        ending=row.ending,
        outcome=row.outcome,
    )
