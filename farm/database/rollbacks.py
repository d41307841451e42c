"""Which packages a rollback took out of a channel, and whether a curator has ordered them back since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import and_, col, select

from farm.database.curation_rows import OrderRow
from farm.database.foreign_rows import CandidateForeignRow
from farm.database.parts import in_parts
from farm.database.release_rows import MembershipRow, ReleaseRow
from farm.names import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class TakenOut:
    """That `release` of a channel, a rollback for `reason`, took a package out. `since` are later orders to let it in.

    Each of these is the names that it speaks of; an empty one speaks of all.
    """

    release: int
    reason: str
    since: tuple[frozenset[str], ...]

    def allows(self, name: str) -> bool:
        """Say whether a curator has ordered the package of this name back in."""
        return any(not names or name in names for names in self.since)


def taken_out(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, TakenOut]:
    """Return for those of these packages that a rollback took out of the channel what did, the last time."""
    found: dict[Digest, tuple[int, OrderRow]] = {}
    for some in in_parts(packages):
        for package, number, order in [*_own(session, channel, some), *_imported(session, channel, some)]:
            found[Digest(package)] = number, order
    if not found:
        return {}
    later = _orders_since(session, channel, min(order.id or 0 for _, order in found.values()))
    return {
        package: TakenOut(number, order.reason, tuple(names for identity, names in later if identity > (order.id or 0)))
        for package, (number, order) in found.items()
    }


def _own(session: Session, channel: str, packages: Sequence[str]) -> list[tuple[str, int, OrderRow]]:
    """Return own packages that rollbacks took out, with the release and the order, the last one last."""
    by_it = and_(
        col(ReleaseRow.channel) == col(MembershipRow.channel), col(ReleaseRow.number) == col(MembershipRow.until)
    )
    query = (
        select(MembershipRow.package, ReleaseRow.number, OrderRow)
        .join(ReleaseRow, by_it)
        .join(OrderRow, col(OrderRow.candidate_id) == col(ReleaseRow.candidate_id))
        .where(MembershipRow.channel == channel, col(MembershipRow.package).in_(packages), OrderRow.kind == "rollback")
        .order_by(col(ReleaseRow.number))
    )
    return list(session.exec(query))


def _imported(session: Session, channel: str, packages: Sequence[str]) -> list[tuple[str, int, OrderRow]]:
    """Return the same for packages of other distributions: the candidate itself says what it took out of these."""
    query = (
        select(CandidateForeignRow.before, ReleaseRow.number, OrderRow)
        .join(ReleaseRow, col(ReleaseRow.candidate_id) == col(CandidateForeignRow.candidate_id))
        .join(OrderRow, col(OrderRow.candidate_id) == col(ReleaseRow.candidate_id))
        .where(
            ReleaseRow.channel == channel, col(CandidateForeignRow.before).in_(packages), OrderRow.kind == "rollback"
        )
        .order_by(col(ReleaseRow.number))
    )
    return [(package, number, order) for package, number, order in session.exec(query) if package]


def _orders_since(session: Session, channel: str, first: int) -> list[tuple[int, frozenset[str]]]:
    """Return the orders after `first` that let packages in: the number of each, and the names that it speaks of."""
    query = select(OrderRow).where(
        OrderRow.channel == channel, col(OrderRow.kind).in_(["retry", "promote"]), col(OrderRow.id) > first
    )
    return [(each.id or 0, frozenset(json.loads(each.detail).get("packages", []))) for each in session.exec(query)]
