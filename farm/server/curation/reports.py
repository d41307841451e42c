"""Reports of trouble with a package of a channel, which break its soak while they are open; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select, update

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.grouping import grouped
from farm.server.tables.curation_rows import ReportRow
from farm.server.tables.import_rows import ImportedPackageRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.records import ImportedPackageRecord, Package
from farm.server.tables.writing import add_rows, changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(
    Form,
    record="report",
    keys={"package": "descriptor", "name": "package", "reason": "why", "reported_by": "by"},
):
    """Reported trouble with a package; `package` is its descriptor, `name` and `version` are for people."""

    id: int
    channel: str
    package: Digest
    name: str
    version: str
    reason: str
    reported_by: str
    at: datetime
    resolved_at: datetime | None
    resolved_by: str


def add_report(
    session: Session, channel: str, package: Digest, *, reason: str, reported_by: str, now: datetime
) -> Report:
    """Record trouble with a known package, own or imported."""
    row = ReportRow(channel=channel, package=package, reason=reason, reported_by=reported_by, at=now)
    add_rows(session, [row])
    return _reports(session, [row])[0]


def resolve_report(session: Session, report_id: int, *, resolved_by: str, now: datetime) -> bool:
    """Close a report; False if there is none of this number, or it is closed."""
    unresolved = update(ReportRow).where(col(ReportRow.id) == report_id, col(ReportRow.resolved_at).is_(None))
    return changes_rows(session, unresolved.values(resolved_at=now, resolved_by=resolved_by))


def report(session: Session, report_id: int) -> Report | None:
    """Return a report by its number."""
    row = session.get(ReportRow, report_id, populate_existing=True)
    return _reports(session, [row])[0] if row else None


def open_reports(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, list[Report]]:
    """Return the reports that are open on these packages of a channel, the oldest first."""
    query = select(ReportRow).where(ReportRow.channel == channel, col(ReportRow.resolved_at).is_(None))
    rows = list(rows_with(session, query.order_by(col(ReportRow.id)), ReportRow.package, packages))
    return grouped((report.package, report) for report in _reports(session, rows))


def recent_reports(
    session: Session, channel: str, *, only_open: bool = False, before: int | None = None, limit: int = 50
) -> list[Report]:
    """Return the reports of a channel, the newest first, those with a lower number than `before`."""
    query = select(ReportRow).where(ReportRow.channel == channel)
    if only_open:
        query = query.where(col(ReportRow.resolved_at).is_(None))
    if before is not None:
        query = query.where(col(ReportRow.id) < before)
    return _reports(session, session.exec(query.order_by(col(ReportRow.id).desc()).limit(limit)).all())


def _reports(session: Session, rows: Sequence[ReportRow]) -> list[Report]:
    digests = {row.package for row in rows}
    own = rows_with(session, select(PackageRow), PackageRow.digest, digests)
    imported = rows_with(session, select(ImportedPackageRow), ImportedPackageRow.descriptor, digests)
    named = {row.digest: (row.name, Package.of(row).printed_version) for row in own}
    named |= {row.descriptor: (row.name, ImportedPackageRecord.of(row).printed_version) for row in imported}
    return [_report(row, *named[row.package]) for row in rows]


def _report(row: ReportRow, name: str, version: str) -> Report:
    assert row.id is not None  # noqa: S101  (a row that was read or flushed)
    return Report(
        id=row.id,
        channel=row.channel,
        package=Digest(row.package),
        name=name,
        version=version,
        reason=row.reason,
        reported_by=row.reported_by,
        at=row.at,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
    )
