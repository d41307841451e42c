"""The differences between a channel's set and the source of its packages, computed in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import aliased
from sqlmodel import and_, col, or_, select

from farm.core.names.digest import Digest
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.release_rows import MembershipRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

Differences = dict[str, tuple[Digest | None, Digest | None]]
"""By name: the descriptor in a channel's newest release, and the one that would replace it."""


def between(before: Mapping[str, Digest], after: Mapping[str, Digest]) -> Differences:
    """Return the differences between two sets of descriptors by name, sorted by name."""
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def from_builds(session: Session, channel: str) -> Differences:
    """Return what the newest successful builds would change in a channel."""
    here = aliased(MembershipRow)
    inside = and_(col(here.channel) == channel, col(here.name) == col(PackageRow.name), col(here.until).is_(None))
    arriving = (
        select(PackageRow.name, here.package, PackageRow.digest)
        .join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
        .join(here, inside, isouter=True)
        .where(or_(col(here.package).is_(None), col(here.package) != col(PackageRow.digest)))
    )
    built = (
        select(PackageRow.name)
        .join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
        .where(col(PackageRow.name) == col(MembershipRow.name))
    )
    leaving = select(MembershipRow.name, MembershipRow.package).where(
        MembershipRow.channel == channel, col(MembershipRow.until).is_(None), ~built.exists()
    )
    return _differences(session.exec(arriving).all(), session.exec(leaving).all())


def from_channel(session: Session, channel: str, source: str) -> Differences:
    """Return what the newest release of the channel `source` would change in another."""
    here, there = aliased(MembershipRow), aliased(MembershipRow)
    inside = and_(col(here.channel) == channel, col(here.name) == col(there.name), col(here.until).is_(None))
    arriving = (
        select(there.name, here.package, there.package)
        .join(here, inside, isouter=True)
        .where(
            col(there.channel) == source,
            col(there.until).is_(None),
            or_(col(here.package).is_(None), col(here.package) != col(there.package)),
        )
    )
    kept = select(there.name).where(
        col(there.channel) == source, col(there.until).is_(None), col(there.name) == col(MembershipRow.name)
    )
    leaving = select(MembershipRow.name, MembershipRow.package).where(
        MembershipRow.channel == channel, col(MembershipRow.until).is_(None), ~kept.exists()
    )
    return _differences(session.exec(arriving).all(), session.exec(leaving).all())


def _differences(arriving: Iterable[tuple[str, str | None, str]], leaving: Iterable[tuple[str, str]]) -> Differences:
    found: Differences = {name: (Digest(before) if before else None, Digest(after)) for name, before, after in arriving}
    return found | {name: (Digest(before), None) for name, before in leaving}
