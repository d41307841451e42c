"""Which packages of a release need which: written with the release, and read by provider or by user.

Rows are kept as additions and removals, as the packages of releases are: a release costs what it changes, a page what
it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, select, update

from farm.core.names.grouping import grouped
from farm.server.tables.reading import in_parts, rows_with
from farm.server.tables.release_rows import NeedRow, in_release
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Users:
    """The packages of a release that need a package directly: how many, and the first of them by name."""

    count: int
    names: tuple[str, ...]


def record_needs(
    session: Session, channel: str, number: int, needs: Mapping[str, Iterable[str]], *, removed: Iterable[str] = ()
) -> None:
    """Record that release `number` needs this: by user, its providers. Packages that are not named stay as they are."""
    wanted = {(user, provider) for user, providers in needs.items() for provider in providers if provider != user}
    query = select(NeedRow.user, NeedRow.provider).where(NeedRow.channel == channel, col(NeedRow.until).is_(None))
    known = set(rows_with(session, query, NeedRow.user, [*needs, *removed]))
    standing = update(NeedRow).where(col(NeedRow.channel) == channel, col(NeedRow.until).is_(None))
    for user, gone in sorted(grouped(known - wanted).items()):
        for providers in in_parts(gone):
            ended = standing.where(col(NeedRow.user) == user, col(NeedRow.provider).in_(providers))
            session.exec(ended.values(until=number))
    added = sorted(wanted - known)
    add_rows(session, (NeedRow(channel=channel, user=user, provider=to, since=number) for user, to in added))


def forget_needs(session: Session, channel: str, number: int) -> None:
    """Undo `record_needs` of the newest release, which was refused: its number is free again."""
    of_channel = col(NeedRow.channel) == channel
    session.exec(delete(NeedRow).where(of_channel, col(NeedRow.since) == number))
    session.exec(update(NeedRow).where(of_channel, col(NeedRow.until) == number).values(until=None))


def are_recorded(session: Session, channel: str, number: int) -> bool:
    """Return whether the needs of a release are known. Those of releases before schema 1004 are not."""
    query = select(NeedRow.user).where(NeedRow.channel == channel, col(NeedRow.since) <= number)
    return session.exec(query.limit(1)).first() is not None


def users_of(session: Session, channel: str, number: int, provider: str, *, limit: int) -> Users:
    """Return which packages of a release need `provider`; at most `limit` of them by name."""
    found = (NeedRow.provider == provider, in_release(NeedRow, channel, number))
    count = session.exec(select(func.count()).select_from(NeedRow).where(*found)).one()
    query = select(NeedRow.user).where(*found).order_by(NeedRow.user).limit(limit)
    return Users(count, tuple(session.exec(query)))


def providers_of(session: Session, channel: str, number: int, user: str) -> list[str]:
    """Return what `user` needs directly in a release, by name."""
    found = (NeedRow.user == user, in_release(NeedRow, channel, number))
    return list(session.exec(select(NeedRow.provider).where(*found).order_by(NeedRow.provider)))
