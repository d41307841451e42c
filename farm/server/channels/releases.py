"""Channels and their releases: written and read. The contents of a release are stored as its additions and removals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import and_, col, delete, func, or_, select, update

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.server.channels import differences
from farm.server.channels.release_needs import forget_needs, record_needs
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import Record, in_parts, rows_with
from farm.server.tables.records import Package
from farm.server.tables.release_rows import ChannelRow, MembershipRow, ReleaseRow, in_release
from farm.server.tables.writing import add_rows, changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement
    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Freeze(Form, record="freeze"):
    """A channel publishes nothing: since when, why, by whom, and until when, if that is known."""

    at: datetime
    why: str
    by: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Membership:
    """The newest published release of a channel that holds a package, by number."""

    channel: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRecord(Record, Form, record="release", keys={"set_digest": "package-set"}, outside={"id", "candidate_id"}):
    """A release as the database knows it; `published_at` is None until the signer has signed it."""

    id: int
    channel: str
    number: int
    candidate_id: int | None
    set_digest: Digest
    digest: Digest
    previous: Digest | None
    packages: int
    released_at: datetime
    published_at: datetime | None


def ensure_channel(session: Session, name: str, policy: str) -> None:
    """Record a channel with the policy that is in force from now on."""
    row = session.get(ChannelRow, name) or ChannelRow(name=name)
    row.policy = policy
    add_rows(session, [row])


def channels(session: Session) -> list[str]:
    """Return the names of all channels, sorted."""
    return list(session.exec(select(ChannelRow.name).order_by(ChannelRow.name)))


def tests_seen(session: Session, channel: str) -> int:
    """Return the last answered job whose tests were checked against the channel's packages."""
    row = session.get(ChannelRow, channel, populate_existing=True)
    return row.tests_seen if row else 0


def record_tests_checked(session: Session, channel: str, job: int) -> None:
    """Record the last answered job whose tests were checked against the channel's packages."""
    session.exec(update(ChannelRow).where(col(ChannelRow.name) == channel).values(tests_seen=job))


def freeze(session: Session, channel: str, order: Freeze | None) -> None:
    """Freeze a channel, so that it publishes nothing; with None, end the freeze."""
    row = session.get_one(ChannelRow, channel)
    row.frozen_at = order.at if order else None
    row.frozen_until = order.until if order else None
    row.frozen_why, row.frozen_by = (order.why, order.by) if order else ("", "")


def frozen(session: Session, channel: str, *, now: datetime) -> Freeze | None:
    """Return the freeze that is in force on a channel."""
    row = session.get(ChannelRow, channel, populate_existing=True)
    if row is None or row.frozen_at is None or (row.frozen_until is not None and row.frozen_until <= now):
        return None
    return Freeze(row.frozen_at, row.frozen_why, row.frozen_by, row.frozen_until)


def newest_release(session: Session, channel: str, *, published: bool = True) -> ReleaseRecord | None:
    """Return the newest release of a channel; with `published` false also one that the signer has not signed yet."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel)
    if published:
        query = query.where(col(ReleaseRow.published_at).is_not(None))
    return ReleaseRecord.first(session, query.order_by(col(ReleaseRow.number).desc()))


def release(session: Session, channel: str, number: int) -> ReleaseRecord | None:
    """Return a release by its number."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel, ReleaseRow.number == number)
    return ReleaseRecord.first(session, query)


def has_published(session: Session, channel: str, digest: Digest) -> bool:
    """Return whether a channel has published a release with this digest."""
    query = select(ReleaseRow.id).where(
        ReleaseRow.channel == channel, ReleaseRow.digest == digest, col(ReleaseRow.published_at).is_not(None)
    )
    return session.exec(query.limit(1)).first() is not None


def releases(session: Session, channel: str, *, before: int | None = None, limit: int = 50) -> list[ReleaseRecord]:
    """Return releases of a channel, newest first, those with a lower number than `before`."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel)
    if before is not None:
        query = query.where(col(ReleaseRow.number) < before)
    return ReleaseRecord.all(session, query.order_by(col(ReleaseRow.number).desc()).limit(limit))


def held_in(channel: str, number: int) -> ColumnElement[bool]:
    """Return the condition under which a membership belongs to a release."""
    return in_release(MembershipRow, channel, number)


def release_page(session: Session, channel: str, number: int, *, after: str = "", limit: int = 500) -> list[Package]:
    """Return one page of the packages of a release, by name, those after the name `after`."""
    query = (
        select(PackageRow)
        .join(MembershipRow, col(MembershipRow.package) == col(PackageRow.digest))
        .where(held_in(channel, number), col(MembershipRow.name) > after)
        .order_by(col(MembershipRow.name))
        .limit(limit)
    )
    return Package.all(session, query)


def release_size(session: Session, channel: str, number: int) -> int:
    """Return the size of all archives of a release in bytes."""
    joined = col(MembershipRow.package) == col(PackageRow.digest)
    query = select(func.sum(PackageRow.archive_size)).join(MembershipRow, joined)
    return int(session.exec(query.where(held_in(channel, number))).one() or 0)


def releases_with(session: Session, package: Digest) -> list[Membership]:
    """Return, for each channel that ever held a package, the newest published release with it."""
    query = (
        select(ReleaseRow.channel, func.max(ReleaseRow.number))
        .join(MembershipRow, col(MembershipRow.channel) == col(ReleaseRow.channel))
        .where(
            MembershipRow.package == package,
            col(MembershipRow.since) <= col(ReleaseRow.number),
            or_(col(MembershipRow.until).is_(None), col(MembershipRow.until) > col(ReleaseRow.number)),
            col(ReleaseRow.published_at).is_not(None),
        )
        .group_by(ReleaseRow.channel)
        .order_by(ReleaseRow.channel)
    )
    return [Membership(channel, number) for channel, number in session.exec(query)]


def policy_text(session: Session, name: str) -> str | None:
    """Return the canonical JSON of a channel's policy, None when there is no such channel."""
    row = session.get(ChannelRow, name)
    return row.policy if row else None


def release_members(session: Session, channel: str, number: int) -> list[Package]:
    """Return the packages of a release, by name."""
    query = (
        select(PackageRow)
        .join(MembershipRow, col(MembershipRow.package) == col(PackageRow.digest))
        .where(held_in(channel, number))
        .order_by(col(MembershipRow.name))
    )
    return Package.all(session, query)


def release_set(session: Session, channel: str, number: int) -> dict[str, Digest]:
    """Return the packages of a release: descriptor digests by name. Number 0 is the empty set before the first."""
    query = select(MembershipRow.name, MembershipRow.package).where(held_in(channel, number))
    return {name: Digest(digest) for name, digest in session.exec(query)}


def members_named(session: Session, channel: str, number: int, names: Iterable[str]) -> dict[str, Digest]:
    """Return which of these names a release holds, with their descriptors."""
    query = select(MembershipRow.name, MembershipRow.package).where(held_in(channel, number))
    return {name: Digest(digest) for name, digest in rows_with(session, query, MembershipRow.name, names)}


def release_difference(
    session: Session, channel: str, old: int, new: int
) -> dict[str, tuple[Digest | None, Digest | None]]:
    """Return the differences between two releases of a channel: by name, the descriptor in `old` and that in `new`.

    The cost is that of the changes between the two, not of their sets.
    """
    low, high = sorted((old, new))
    moved = or_(
        and_(col(MembershipRow.since) > low, col(MembershipRow.since) <= high),
        and_(col(MembershipRow.until) > low, col(MembershipRow.until) <= high),
    )
    names = set(session.exec(select(MembershipRow.name).where(MembershipRow.channel == channel, moved)))
    before = members_named(session, channel, old, names)
    after = members_named(session, channel, new, names)
    return differences.between(before, after)


def first_released(session: Session, channel: str, packages: Iterable[Digest]) -> dict[Digest, datetime]:
    """Return since when a channel's published releases have held each of these packages without a break."""
    query = (
        select(MembershipRow.package, ReleaseRow.published_at)
        .join(
            ReleaseRow,
            and_(col(ReleaseRow.channel) == col(MembershipRow.channel), col(ReleaseRow.number) == MembershipRow.since),
        )
        .where(
            MembershipRow.channel == channel,
            col(MembershipRow.until).is_(None),
            col(ReleaseRow.published_at).is_not(None),
        )
    )
    rows = rows_with(session, query, MembershipRow.package, packages)
    return {Digest(package): at for package, at in rows if at is not None}


def held_since(session: Session, channel: str, names: Iterable[str]) -> dict[str, int]:
    """Return since which release a channel holds each of these packages unchanged; packages it lacks are left out."""
    query = select(MembershipRow.name, MembershipRow.since).where(
        MembershipRow.channel == channel, col(MembershipRow.until).is_(None)
    )
    return dict(rows_with(session, query, MembershipRow.name, names))


def last_members(session: Session, channel: str, names: Iterable[str]) -> dict[str, Digest]:
    """Return what a channel holds under each of these names, or held last; unknown names are left out."""
    query = select(MembershipRow.name, MembershipRow.package).where(MembershipRow.channel == channel)
    rows = rows_with(session, query.order_by(col(MembershipRow.since)), MembershipRow.name, names)
    return {name: Digest(digest) for name, digest in rows}


def gone_since(session: Session, channel: str, names: Iterable[str]) -> dict[str, datetime | None]:
    """Return since when a channel's published releases are without these packages; None for one that it has.

    Packages that the channel never had are left out.
    """
    query = (
        select(MembershipRow.name, MembershipRow.until, ReleaseRow.published_at)
        .join(
            ReleaseRow,
            and_(col(ReleaseRow.channel) == col(MembershipRow.channel), col(ReleaseRow.number) == MembershipRow.until),
            isouter=True,
        )
        .where(MembershipRow.channel == channel)
        .order_by(col(MembershipRow.since))
    )
    # A later membership overrides an earlier one.
    return {
        name: at if until is not None else None
        for name, until, at in rows_with(session, query, MembershipRow.name, names)
    }


def add_release(
    session: Session,
    *,
    channel: str,
    number: int,
    candidate_id: int | None,
    digest: Digest,
    set_digest: Digest,
    previous: Digest | None,
    packages: int,
    changes: Mapping[str, Digest | None],
    needs: Mapping[str, Iterable[str]],
    trace: str,
    now: datetime,
) -> ReleaseRecord:
    """Record a release that is about to be signed; `changes` are the packages it adds, or removes (None).

    `needs` are the packages that its packages need directly, by name, of those for which this may have changed.
    """
    row = ReleaseRow(
        channel=channel,
        number=number,
        candidate_id=candidate_id,
        set_digest=set_digest,
        digest=digest,
        previous=previous or "",
        packages=packages,
        released_at=now,
        trace=trace,
    )
    session.add(row)
    ended = (
        update(MembershipRow)
        .where(col(MembershipRow.channel) == channel, col(MembershipRow.until).is_(None))
        .values(until=number)
    )
    for some in in_parts(changes):
        session.exec(ended.where(col(MembershipRow.name).in_(some)))
    members = (
        MembershipRow(channel=channel, name=name, since=number, package=package)
        for name, package in sorted(changes.items())
        if package is not None
    )
    add_rows(session, members)
    removed = [name for name, package in changes.items() if package is None]
    record_needs(session, channel, number, needs, removed=removed)
    return ReleaseRecord.of(row)


def mark_published(session: Session, release_id: int, *, now: datetime) -> None:
    """Record that the signer has signed a release."""
    session.exec(
        update(ReleaseRow)
        .where(col(ReleaseRow.id) == release_id, col(ReleaseRow.published_at).is_(None))
        .values(published_at=now)
    )


def drop_release(session: Session, record: ReleaseRecord) -> bool:
    """Delete a release that the signer has refused: its number is free again.

    Returns False, and changes nothing, when it is published or another process has deleted it.
    """
    unpublished = delete(ReleaseRow).where(col(ReleaseRow.id) == record.id, col(ReleaseRow.published_at).is_(None))
    if not changes_rows(session, unpublished):
        return False
    of_channel = col(MembershipRow.channel) == record.channel
    session.exec(delete(MembershipRow).where(of_channel, col(MembershipRow.since) == record.number))
    reopened = update(MembershipRow).where(of_channel, col(MembershipRow.until) == record.number)
    session.exec(reopened.values(until=None))
    forget_needs(session, record.channel, record.number)
    return True


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
