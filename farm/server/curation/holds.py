"""Holds: that a curator keeps a package where it is in a channel; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, or_, select, update

from farm.core.names.form import Form
from farm.server.tables.curation_rows import HoldRow
from farm.server.tables.parts import in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(
    Form,
    record="hold",
    keys={"reason": "why", "held_by": "by"},
    outside={"id", "lifted_at", "lifted_by"},
):
    """A package (short name) that stays as it is in a channel until it is lifted, or until `until` if that is known."""

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
    session.add(row)
    session.flush()
    return _hold(row)


def lift_hold(session: Session, channel: str, package: str, *, lifted_by: str, now: datetime) -> bool:
    """Let a package of a channel go on; False when it was not held."""
    changed = session.exec(
        update(HoldRow)
        .where(col(HoldRow.channel) == channel, col(HoldRow.package) == package, _open(now))
        .values(lifted_at=now, lifted_by=lifted_by)
    )
    return bool(changed.rowcount)


def open_holds(session: Session, channel: str, *, now: datetime) -> list[Hold]:
    """Return the holds that are in force on a channel, by package."""
    query = select(HoldRow).where(HoldRow.channel == channel, _open(now)).order_by(HoldRow.package)
    return [_hold(row) for row in session.exec(query)]


def holds_on(session: Session, channel: str, packages: Iterable[str], *, now: datetime) -> dict[str, Hold]:
    """Return the holds in force on these packages of a channel, by short name."""
    found: dict[str, Hold] = {}
    for some in in_parts(packages):
        query = select(HoldRow).where(HoldRow.channel == channel, col(HoldRow.package).in_(some), _open(now))
        found |= {row.package: _hold(row) for row in session.exec(query.order_by(col(HoldRow.id)))}
    return found


def recent_holds(session: Session, channel: str, *, limit: int = 50) -> list[Hold]:
    """Return the holds of a channel, also those that are over, the newest first."""
    query = select(HoldRow).where(HoldRow.channel == channel).order_by(col(HoldRow.id).desc()).limit(limit)
    return [_hold(row) for row in session.exec(query)]


def _open(now: datetime) -> ColumnElement[bool]:
    return col(HoldRow.lifted_at).is_(None) & or_(col(HoldRow.until).is_(None), col(HoldRow.until) > now)


def _hold(row: HoldRow) -> Hold:
    assert row.id is not None  # noqa: S101  (a row that was read or flushed)
    return Hold(
        id=row.id,
        channel=row.channel,
        package=row.package,
        reason=row.reason,
        held_by=row.held_by,
        at=row.at,
        until=row.until,
        lifted_at=row.lifted_at,
        lifted_by=row.lifted_by,
    )
