"""The packages that a rollback removed from a channel or kept out of it, and later orders to bring them back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import and_, col, or_, select

from farm.core.names.digest import Digest
from farm.server.tables.curation_rows import LeftOutRow, OrderRow
from farm.server.tables.import_rows import CandidateImportRow
from farm.server.tables.pipeline_states import OrderEnding, OrderKind
from farm.server.tables.reading import in_parts
from farm.server.tables.release_rows import MembershipRow, ReleaseRow
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from farm.server.channels.differences import Differences

Found = dict[Digest, tuple[int, OrderRow, str]]


@dataclass(frozen=True, slots=True)
class RollbackRecord:
    """What `release` of a channel, a rollback for `reason`, did to a package; `since` are later orders about packages.

    `action`: removed it, left it out, or kept it. Each order is the set of names that it is about; None: all.
    """

    release: int
    reason: str
    action: str
    since: tuple[frozenset[str] | None, ...]

    def allows(self, name: str) -> bool:
        """Return whether a later order of a curator lets the package of this name move."""
        return any(names is None or name in names for names in self.since)


def leave_out(session: Session, order_id: int, offered: Differences) -> None:
    """Record the available changes when this order, a rollback, was carried out: they are left out."""
    rows = (
        LeftOutRow(order_id=order_id, name=name, package=package, stays=after is None)
        for name, (before, after) in sorted(offered.items())
        if (package := after or before) is not None
    )
    add_rows(session, rows)


def kept_out(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, RollbackRecord]:
    """Return, for those of these packages that a rollback removed or left out, the last such rollback."""
    found: Found = {}
    for some in in_parts(packages):
        _note(found, _left(session, channel, some, stays=False), "left it out")
        membership = (
            select(MembershipRow.package, ReleaseRow.number, OrderRow)
            .join(
                ReleaseRow,
                and_(
                    col(ReleaseRow.channel) == col(MembershipRow.channel),
                    col(ReleaseRow.number) == col(MembershipRow.until),
                ),
            )
            .join(OrderRow, col(OrderRow.candidate_id) == col(ReleaseRow.candidate_id))
            .where(MembershipRow.channel == channel, col(MembershipRow.package).in_(some), _is_rollback())
        )
        _note(found, session.exec(membership).all(), "took it out")
        # For imported packages, the candidate itself records what it removed.
        imported = (
            select(CandidateImportRow.before, ReleaseRow.number, OrderRow)
            .join(ReleaseRow, col(ReleaseRow.candidate_id) == col(CandidateImportRow.candidate_id))
            .join(OrderRow, col(OrderRow.candidate_id) == col(ReleaseRow.candidate_id))
            .where(ReleaseRow.channel == channel, col(CandidateImportRow.before).in_(some), _is_rollback())
        )
        _note(found, session.exec(imported).all(), "took it out")
    return _with_orders(session, channel, found)


def kept_in(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, RollbackRecord]:
    """Return, for those of these packages that a rollback kept although they would have gone, that rollback."""
    found: Found = {}
    for some in in_parts(packages):
        _note(found, _left(session, channel, some, stays=True), "kept it")
    return _with_orders(session, channel, found)


def _left(session: Session, channel: str, packages: list[str], *, stays: bool) -> Iterable[tuple[str, int, OrderRow]]:
    query = (
        select(LeftOutRow.package, ReleaseRow.number, OrderRow)
        .join(OrderRow, col(OrderRow.id) == col(LeftOutRow.order_id))
        .join(ReleaseRow, col(ReleaseRow.candidate_id) == col(OrderRow.candidate_id))
        .where(OrderRow.channel == channel, col(LeftOutRow.package).in_(packages), LeftOutRow.stays == stays)
    )
    return session.exec(query).all()


def _is_rollback() -> ColumnElement[bool]:
    return col(OrderRow.kind) == OrderKind.ROLLBACK


def _note(found: Found, rows: Iterable[tuple[str | None, int, OrderRow]], action: str) -> None:
    """Add the rollbacks found, the newest release for each package; of two records of one release, the later one."""
    for package, number, order in rows:
        if package and (Digest(package) not in found or number >= found[Digest(package)][0]):
            found[Digest(package)] = number, order, action


def _with_orders(session: Session, channel: str, found: Found) -> dict[Digest, RollbackRecord]:
    if not found:
        return {}
    first = min(order.id or 0 for _, order, _ in found.values())
    later = session.exec(
        select(OrderRow).where(
            OrderRow.channel == channel,
            col(OrderRow.kind).in_([OrderKind.RETRY, OrderKind.PROMOTE]),
            col(OrderRow.id) > first,
            or_(col(OrderRow.ending).is_(None), col(OrderRow.ending) != OrderEnding.WITHDRAWN),
        )
    ).all()
    spoken = [(order.id or 0, _spoken_of(order.kind, json.loads(order.detail))) for order in later]
    return {
        package: RollbackRecord(
            number, order.reason, action, tuple(names for later_id, names in spoken if later_id > (order.id or 0))
        )
        for package, (number, order, action) in found.items()
    }


def _spoken_of(kind: OrderKind, detail: Mapping[str, list[str]]) -> frozenset[str] | None:
    """Return the packages that an order is to move: for a retry only those that it names, and those that move along."""
    names = frozenset(detail.get("packages", []))
    if kind is OrderKind.PROMOTE and not names:
        return None
    return names | frozenset(detail.get("along", []))
