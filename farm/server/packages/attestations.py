"""The results of rebuilding plans: who built the same package, and who another. Written and read.

Results of a worker whose key is no longer trusted are ignored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select

from farm.core.comparison.rebuild import PackageDifference
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.core.plan.job import BlobRef
from farm.server.tables.identity_rows import WorkerRow
from farm.server.tables.package_rows import AttestationRow, DifferenceRow
from farm.server.tables.reading import ColumnText, Record, rows_with
from farm.server.tables.release_rows import MembershipRow
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


_DIFFERENCES = ColumnText(
    read=lambda text: tuple(map(PackageDifference.from_dict, json.loads(text))),
    write=lambda packages: canonical_json([package.to_dict() for package in packages]).decode(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation(Record):
    """`built_by` rebuilt a package with the same descriptor; `provenance` is its signed statement."""

    package: Digest
    built_by: str
    provenance: BlobRef
    attempt_id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Record, columns={"packages": "detail"}, texts={"packages": _DIFFERENCES}):
    """`built_by` carried a plan out again and built other packages."""

    plan: Digest
    built_by: str
    packages: tuple[PackageDifference, ...]
    attempt_id: int
    at: datetime


def add_attestation(session: Session, attestation: Attestation) -> None:
    """Record an attestation. A worker's first one stays."""
    add_unless_stored(session, AttestationRow(**attestation.columns()))


def add_difference(session: Session, difference: Difference) -> None:
    """Record a difference. A worker's first one stays."""
    add_unless_stored(session, DifferenceRow(**difference.columns()))


def attestations_of(session: Session, packages: Iterable[Digest]) -> dict[Digest, list[Attestation]]:
    """Return who attests each of these packages, in order of time; packages without attestations are left out."""
    query = select(AttestationRow).join(WorkerRow).where(col(WorkerRow.revoked_at).is_(None))
    query = query.order_by(col(AttestationRow.at), col(AttestationRow.built_by))
    rows = rows_with(session, query, AttestationRow.package, packages)
    return grouped((Digest(row.package), Attestation.of(row)) for row in rows)


def attested_members(session: Session, channel: str, *, since: datetime) -> dict[str, Digest]:
    """Return which packages of a channel's newest release were attested since a time: descriptors by name.

    The cost is that of the attestations since then.
    """
    query = (
        select(MembershipRow.name, MembershipRow.package)
        .join(AttestationRow, col(AttestationRow.package) == col(MembershipRow.package))
        .where(
            MembershipRow.channel == channel,
            col(MembershipRow.until).is_(None),
            col(AttestationRow.at) >= since,
        )
    )
    return {name: Digest(package) for name, package in session.exec(query.distinct())}


def differences_of(session: Session, plans: Iterable[Digest]) -> dict[Digest, list[Difference]]:
    """Return who built other packages from each of these plans, in order of time; plans without any are left out."""
    query = select(DifferenceRow).join(WorkerRow).where(col(WorkerRow.revoked_at).is_(None))
    query = query.order_by(col(DifferenceRow.at), col(DifferenceRow.built_by))
    return grouped(
        (Digest(row.plan), Difference.of(row)) for row in rows_with(session, query, DifferenceRow.plan, plans)
    )
