"""The distributions that cannot be followed, since when and why; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from farm.core.names.form import Form
from farm.server.tables.import_rows import ImportTroubleRow
from farm.server.tables.reading import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class ImportTrouble(Record, Form, record="import trouble"):
    """A distribution that cannot be followed; earlier imports from it stay."""

    distribution: str
    why: str
    since: datetime


def set_troubles(session: Session, troubles: Mapping[str, str], *, now: datetime) -> None:
    """Record why distributions cannot be followed, by name, replacing all records. A known one keeps its `since`."""
    known = {row.distribution: row for row in session.exec(select(ImportTroubleRow))}
    for name in known.keys() - troubles.keys():
        session.delete(known[name])
    for name, why in troubles.items():
        row = known.get(name) or ImportTroubleRow(distribution=name, why=why, since=now)
        row.why = why
        session.add(row)


def troubles(session: Session) -> tuple[ImportTrouble, ...]:
    """Return which distributions cannot be followed, by name."""
    return tuple(ImportTrouble.all(session, select(ImportTroubleRow).order_by(ImportTroubleRow.distribution)))
