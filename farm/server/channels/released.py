"""What channels have ever released: which builds of a package, under which versions and revisions. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from farm.core.names.digest import Digest
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.parts import in_parts
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
    """Return the builds of these packages that were ever released, or are about to be, the first first."""
    query = (
        select(PackageRow, MembershipRow.channel, MembershipRow.since)
        .join(MembershipRow, col(MembershipRow.package) == col(PackageRow.digest))
        .order_by(col(MembershipRow.since), MembershipRow.channel, PackageRow.name)
    )
    return [
        ReleasedBuild(row.name, row.version, row.revision, Digest(row.recipe), Digest(row.plan), channel, number)
        for some in in_parts(names)
        for row, channel, number in session.exec(query.where(col(PackageRow.name).in_(some)))
    ]


def highest_revision(session: Session, names: Iterable[str], version: str) -> int:
    """Return the highest revision of a version that any of these packages was released with; 0 for none."""
    query = select(func.max(PackageRow.revision)).join(
        MembershipRow, col(MembershipRow.package) == col(PackageRow.digest)
    )
    query = query.where(PackageRow.version == version)
    return max(session.exec(query.where(col(PackageRow.name).in_(some))).one() or 0 for some in in_parts(names))
