"""Approvals: signed statements by which curators let a package into a channel; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, or_, select

from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.server.tables.curation_rows import ApprovalRow
from farm.server.tables.import_rows import ImportedPackageRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.writing import changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Record):
    """What `curator` signed for one descriptor on one channel; `envelope` is the DSSE envelope, JSON."""

    channel: str
    package: Digest
    curator: str
    envelope: str
    at: datetime


def add_approval(session: Session, approval: Approval) -> None:
    """Store an approval, replacing one that the same person gave for the same package before."""
    session.merge(ApprovalRow(**approval.columns()))


def withdraw_approval(session: Session, channel: str, package: Digest, curator: str) -> bool:
    """Withdraw an approval; False if there was none."""
    given = delete(ApprovalRow).where(
        col(ApprovalRow.channel) == channel, col(ApprovalRow.package) == package, col(ApprovalRow.curator) == curator
    )
    return changes_rows(session, given)


def approvals_of(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, list[Approval]]:
    """Return the approvals for these packages on a channel, by descriptor, sorted by the curators' names."""
    query = select(ApprovalRow).where(ApprovalRow.channel == channel).order_by(ApprovalRow.curator)
    rows = rows_with(session, query, ApprovalRow.package, packages)
    return grouped((Digest(row.package), Approval.of(row)) for row in rows)


def given_by(session: Session, channel: str, curator: str, name: str) -> list[Approval]:
    """Return a curator's approvals on a channel for any build of a package, by its stored name."""
    theirs = (ApprovalRow.channel == channel, ApprovalRow.curator == curator)
    own = select(PackageRow.digest).where(PackageRow.name == name)
    others = select(ImportedPackageRow.descriptor).where(ImportedPackageRow.name == name)
    of_name = or_(col(ApprovalRow.package).in_(own), col(ApprovalRow.package).in_(others))
    query = select(ApprovalRow).where(*theirs, of_name).order_by(col(ApprovalRow.at))
    return Approval.all(session, query)
