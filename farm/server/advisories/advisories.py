"""Security advisories and statements about them (VEX), as received; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, select

from farm.core.names.grouping import grouped
from farm.server.tables.curation_rows import AdvisoryPackageRow, AdvisoryRow, VexRow
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAdvisory(Record):
    """An advisory in OSV's form: `body` is its canonical JSON, `severity` one of none, low, medium, high, critical."""

    id: str
    body: str
    severity: str
    modified_at: datetime
    withdrawn_at: datetime | None
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStatement(Record):
    """A statement about a vulnerability (its id) in a package; `version` (`1.7.1-1`) is empty for all versions."""

    vulnerability: str
    package: str
    version: str
    status: str
    justification: str
    statement: str
    stated_by: str
    at: datetime


def keep_advisory(session: Session, advisory: KeptAdvisory, packages: Iterable[str]) -> None:
    """Store an advisory and the packages (short names) that it names, replacing what was stored under its id."""
    session.merge(AdvisoryRow(**advisory.columns()))
    session.exec(delete(AdvisoryPackageRow).where(col(AdvisoryPackageRow.advisory) == advisory.id))
    add_rows(session, (AdvisoryPackageRow(package=name, advisory=advisory.id) for name in sorted(set(packages))))


def advisory(session: Session, advisory_id: str) -> KeptAdvisory | None:
    """Return an advisory by its id."""
    return KeptAdvisory.first(session, select(AdvisoryRow).where(AdvisoryRow.id == advisory_id))


def advisories(session: Session, *, after: str = "", limit: int = 100) -> list[KeptAdvisory]:
    """Return advisories by id, withdrawn ones too, those that come after the id `after`."""
    query = select(AdvisoryRow).where(col(AdvisoryRow.id) > after).order_by(AdvisoryRow.id).limit(limit)
    return KeptAdvisory.all(session, query)


def advisories_on(session: Session, packages: Iterable[str]) -> list[KeptAdvisory]:
    """Return the advisories that name these packages (short names) and are not withdrawn, by id."""
    query = (
        select(AdvisoryRow)
        .join(AdvisoryPackageRow, col(AdvisoryPackageRow.advisory) == col(AdvisoryRow.id))
        .where(col(AdvisoryRow.withdrawn_at).is_(None))
    )
    rows = rows_with(session, query, AdvisoryPackageRow.package, packages)
    return sorted({KeptAdvisory.of(row) for row in rows}, key=lambda advisory: advisory.id)


def packages_of(session: Session, advisory_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the packages (short names) that advisories name, by advisory."""
    query = select(AdvisoryPackageRow).order_by(AdvisoryPackageRow.package)
    rows = rows_with(session, query, AdvisoryPackageRow.advisory, advisory_ids)
    return grouped((row.advisory, row.package) for row in rows)


def add_statements(session: Session, statements: Sequence[KeptStatement]) -> int:
    """Store the statements that are not stored yet, unchanged; return how many are new."""
    new = [statement for statement in statements if not _is_kept(session, statement)]
    add_rows(session, (VexRow(**statement.columns()) for statement in new))
    return len(new)


def statements_on(session: Session, packages: Iterable[str]) -> list[KeptStatement]:
    """Return the statements about these packages (short names), the newest first."""
    return _newest_first(rows_with(session, select(VexRow), VexRow.package, packages))


def statements(session: Session) -> list[KeptStatement]:
    """Return all statements, the newest first."""
    return _newest_first(session.exec(select(VexRow)))


def state_of_advisories(session: Session) -> tuple[int, int, datetime | None]:
    """Return a value that changes with every advisory and statement: their numbers, and the time of the last."""
    count = session.exec(select(func.count()).select_from(AdvisoryRow)).one()
    stated = session.exec(select(func.count()).select_from(VexRow)).one()
    newest = select(AdvisoryRow.added_at).order_by(col(AdvisoryRow.added_at).desc()).limit(1)
    return count, stated, session.exec(newest).first()


def _is_kept(session: Session, kept: KeptStatement) -> bool:
    query = select(VexRow.id).where(
        VexRow.package == kept.package,
        VexRow.vulnerability == kept.vulnerability,
        VexRow.version == kept.version,
        VexRow.statement == kept.statement,
    )
    return session.exec(query.limit(1)).first() is not None


def _newest_first(rows: Iterable[VexRow]) -> list[KeptStatement]:
    newest_first = sorted(rows, key=lambda row: (row.at, row.id or 0), reverse=True)
    return list(map(KeptStatement.of, newest_first))
