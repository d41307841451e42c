"""Holds, by which a curator keeps a package unchanged in a channel; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, or_, select, update

from farm.core.names.form import Form
from farm.server.tables.curation_rows import HoldRow
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.writing import changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(
    Record, Form, record="hold", keys={"reason": "why", "held_by": "by"}, outside={"id", "lifted_at", "lifted_by"}
):
    """A package (short name) that stays unchanged in a channel until the hold is lifted, or until `until` if known."""

    id: int
    channel: str
    package: str
    reason: str
    held_by: str
    at: datetime
    until: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str = ""


def add_hold(
    session: Session,
    channel: str,
    package: str,
    *,
    reason: str,
    held_by: str,
    now: datetime,
    until: datetime | None = None,
) -> Hold:
    """Hold a package; a hold that was open on it ends, so that the newest reason and time count."""
    lift_hold(session, channel, package, lifted_by=held_by, now=now)
    row = HoldRow(channel=channel, package=package, reason=reason, held_by=held_by, at=now, until=until)
    return Hold.added(session, row)


def lift_hold(session: Session, channel: str, package: str, *, lifted_by: str, now: datetime) -> bool:
    """Lift the hold on a package of a channel; False if it was not held."""
    held = update(HoldRow).where(col(HoldRow.channel) == channel, col(HoldRow.package) == package, _open(now))
    return changes_rows(session, held.values(lifted_at=now, lifted_by=lifted_by))


def open_holds(session: Session, channel: str, *, now: datetime) -> list[Hold]:
    """Return the holds that are in force on a channel, by package."""
    query = select(HoldRow).where(HoldRow.channel == channel, _open(now)).order_by(HoldRow.package)
    return Hold.all(session, query)


def holds_on(session: Session, channel: str, packages: Iterable[str], *, now: datetime) -> dict[str, Hold]:
    """Return the holds in force on these packages of a channel, by short name."""
    query = select(HoldRow).where(HoldRow.channel == channel, _open(now)).order_by(col(HoldRow.id))
    return {row.package: Hold.of(row) for row in rows_with(session, query, HoldRow.package, packages)}


def _open(now: datetime) -> ColumnElement[bool]:
    return col(HoldRow.lifted_at).is_(None) & or_(col(HoldRow.until).is_(None), col(HoldRow.until) > now)
