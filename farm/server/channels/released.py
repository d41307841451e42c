"""All builds that channels have ever released, with versions and revisions. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from farm.core.names.digest import Digest
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.release_rows import MembershipRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class ReleasedBuild:
    """A build of the package `name` that the channel `channel` holds, or has held, since its release `number`."""

    name: str
    version: str
    revision: int
    recipe: Digest
    plan: Digest
    channel: str
    number: int


def released_builds(session: Session, names: Iterable[str]) -> list[ReleasedBuild]:
    """Return the builds of these packages that were ever released, or are about to be, oldest first."""
    query = (
        select(PackageRow, MembershipRow.channel, MembershipRow.since)
        .join(MembershipRow, col(MembershipRow.package) == col(PackageRow.digest))
        .order_by(col(MembershipRow.since), MembershipRow.channel, PackageRow.name)
    )
    return [
        ReleasedBuild(row.name, row.version, row.revision, Digest(row.recipe), Digest(row.plan), channel, number)
        for row, channel, number in rows_with(session, query, PackageRow.name, names)
    ]


def highest_revision(session: Session, names: Iterable[str], version: str) -> int:
    """Return the highest revision of a version that any of these packages was released with; 0 for none."""
    query = select(func.max(PackageRow.revision)).join(
        MembershipRow, col(MembershipRow.package) == col(PackageRow.digest)
    )
    query = query.where(PackageRow.version == version)
    return max(highest or 0 for highest in rows_with(session, query, PackageRow.name, names))
