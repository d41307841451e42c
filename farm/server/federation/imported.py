"""Other distributions: their verified releases and packages, the archives that tests wait for, and why one cannot be
followed; written and read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, select

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.plan.job import BlobRef
from farm.server.tables.import_rows import (
    CandidateImportRow,
    CandidatePinRow,
    ImportedPackageRow,
    ImportedReleaseRow,
    ImportTroubleRow,
    WantedArchiveRow,
)
from farm.server.tables.pipeline_states import ChangeState
from farm.server.tables.reading import Record, rows_with
from farm.server.tables.records import ImportedPackageRecord
from farm.server.tables.release_rows import CandidateRow, ReleaseRow
from farm.server.tables.writing import add_rows, add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRelease(Record):
    """A release of another distribution, verified against `root` (a fingerprint)."""

    id: int
    digest: Digest
    distribution: str
    channel: str
    number: int
    root: Digest
    address: str


def newest_release(session: Session, distribution: str, channel: str, root: Digest) -> ImportedRelease | None:
    """Return the release of another distribution's channel that was seen last, under this root."""
    query = select(ImportedReleaseRow).where(
        ImportedReleaseRow.distribution == distribution,
        ImportedReleaseRow.channel == channel,
        ImportedReleaseRow.root == root,
    )
    return ImportedRelease.first(session, query.order_by(col(ImportedReleaseRow.id).desc()))


def find_release(session: Session, digest: Digest) -> ImportedRelease | None:
    """Return a release by its digest, as it was seen last."""
    query = select(ImportedReleaseRow).where(ImportedReleaseRow.digest == digest)
    return ImportedRelease.first(session, query.order_by(col(ImportedReleaseRow.id).desc()))


def unshown(session: Session, distribution: str, channel: str, root: Digest) -> dict[Digest, int]:
    """Return the releases without a stored proof of their signature: digest and number."""
    query = select(ImportedReleaseRow.digest, ImportedReleaseRow.number).where(
        ImportedReleaseRow.distribution == distribution,
        ImportedReleaseRow.channel == channel,
        ImportedReleaseRow.root == root,
        ImportedReleaseRow.shown == "",
    )
    return {Digest(digest): number for digest, number in session.exec(query)}


def show(session: Session, digest: Digest, root: Digest, shown: str) -> None:
    """Store the proof that a release was signed, unless one is stored."""
    query = select(ImportedReleaseRow).where(
        ImportedReleaseRow.digest == digest, ImportedReleaseRow.root == root, ImportedReleaseRow.shown == ""
    )
    for row in session.exec(query):
        row.shown = shown


def shown(session: Session, digest: Digest, root: Digest) -> str:
    """Return the proof that a release was signed by the keys that this root allows; empty if none is stored."""
    query = select(ImportedReleaseRow.shown).where(
        ImportedReleaseRow.digest == digest, ImportedReleaseRow.root == root, ImportedReleaseRow.shown != ""
    )
    return session.exec(query.order_by(col(ImportedReleaseRow.id).desc()).limit(1)).first() or ""


def add_release(
    session: Session,
    *,
    digest: Digest,
    distribution: str,
    channel: str,
    number: int,
    root: Digest,
    address: str,
    now: datetime,
) -> ImportedRelease:
    """Record a verified release, unless it is the one seen last, at the same address."""
    known = newest_release(session, distribution, channel, root)
    if known is not None and (known.digest, known.address) == (digest, address):
        return known
    row = ImportedReleaseRow(
        digest=digest,
        distribution=distribution,
        channel=channel,
        number=number,
        root=root,
        address=address,
        seen_at=now,
    )
    return ImportedRelease.added(session, row)


def add_packages(session: Session, release_id: int, packages: Iterable[ImportedPackageRecord]) -> None:
    """Record packages of a release; known ones stay."""
    known = packages_of(session, release_id).keys()
    new = (package for package in packages if package.name not in known)
    add_rows(session, (ImportedPackageRow(release_id=release_id, **package.columns()) for package in new))


def packages_of(session: Session, release_id: int) -> dict[str, ImportedPackageRecord]:
    """Return the packages of a release that are known here, by full name."""
    query = select(ImportedPackageRow).where(ImportedPackageRow.release_id == release_id)
    return {
        row.name: ImportedPackageRecord.of(row) for row in session.exec(query.order_by(col(ImportedPackageRow.name)))
    }


def package(session: Session, descriptor: Digest) -> ImportedPackageRecord | None:
    """Return an imported package by the digest of its descriptor."""
    query = select(ImportedPackageRow).where(ImportedPackageRow.descriptor == descriptor)
    return ImportedPackageRecord.first(session, query.order_by(col(ImportedPackageRow.release_id).desc()))


def packages_by_digest(session: Session, descriptors: Iterable[Digest]) -> dict[Digest, ImportedPackageRecord]:
    """Return these imported packages by the digest of their descriptor, each as in the newest release with it."""
    query = select(ImportedPackageRow).order_by(col(ImportedPackageRow.release_id))
    rows = rows_with(session, query, ImportedPackageRow.descriptor, descriptors)
    return {Digest(row.descriptor): ImportedPackageRecord.of(row) for row in rows}


def is_known(session: Session, name: str) -> bool:
    """Return whether any known release of another distribution has a package of this full name."""
    query = select(ImportedPackageRow.name).where(ImportedPackageRow.name == name)
    return session.exec(query.limit(1)).first() is not None


def mark(session: Session) -> tuple[int, int]:
    """Return a value that changes when anything is recorded about other distributions."""
    newest = session.exec(select(func.max(col(ImportedReleaseRow.id)))).one() or 0
    return newest, session.exec(select(func.count()).select_from(ImportedPackageRow)).one()


def pin_candidate(session: Session, candidate_id: int, releases: Iterable[ImportedRelease]) -> None:
    """Record the releases that the imported packages of a candidate belong to."""
    pins = (
        CandidatePinRow(candidate_id=candidate_id, distribution=release.distribution, release_id=release.id)
        for release in releases
    )
    add_rows(session, pins)


def pins_of(session: Session, candidate_id: int) -> Mapping[str, ImportedRelease]:
    """Return the releases that a candidate was pinned to, by distribution."""
    query = select(ImportedReleaseRow).join(
        CandidatePinRow, col(CandidatePinRow.release_id) == col(ImportedReleaseRow.id)
    )
    found = session.exec(query.where(CandidatePinRow.candidate_id == candidate_id))
    return {row.distribution: ImportedRelease.of(row) for row in found}


def first_taken(session: Session, channel: str, names: Iterable[str]) -> dict[Digest, datetime]:
    """Return since when the published releases of a channel have had each of these packages without a break.

    The arguments are full names, the keys descriptors; packages that the channel does not import now are left out.
    """
    moved = _last_moves(session, channel, names).values()
    return {Digest(after): at for after, at in moved if after is not None and at is not None}


def gone_since(session: Session, channel: str, names: Iterable[str]) -> dict[str, datetime | None]:
    """Return since when the published releases of a channel lack these packages; None for one that it imports now.

    Packages that the channel never imported are left out.
    """
    moved = _last_moves(session, channel, names).items()
    return {name: at if after is None else None for name, (after, at) in moved}


def _last_moves(session: Session, channel: str, names: Iterable[str]) -> dict[str, tuple[str | None, datetime | None]]:
    query = (
        select(CandidateImportRow.name, CandidateImportRow.after, ReleaseRow.published_at)
        .join(CandidateRow, col(CandidateRow.id) == col(CandidateImportRow.candidate_id))
        .join(ReleaseRow, col(ReleaseRow.candidate_id) == col(CandidateRow.id))
        .where(
            CandidateRow.channel == channel,
            CandidateImportRow.state == ChangeState.ACCEPTED,
            col(ReleaseRow.published_at).is_not(None),
        )
        .order_by(col(ReleaseRow.number))
    )
    imported = (name for name in names if "/" in name)
    # A later release overrides an earlier one.
    return {name: (after, at) for name, after, at in rows_with(session, query, CandidateImportRow.name, imported)}


def want_archive(session: Session, package: ImportedPackageRecord) -> None:
    """Record that a package's archive has to be fetched, from the address of the last seen release with it."""
    query = (
        select(ImportedReleaseRow.address)
        .join(ImportedPackageRow, col(ImportedPackageRow.release_id) == col(ImportedReleaseRow.id))
        .where(ImportedPackageRow.descriptor == package.digest)
        .order_by(col(ImportedReleaseRow.id).desc())
    )
    address = session.exec(query.limit(1)).one()
    archive = package.archive
    row = WantedArchiveRow(archive=archive.digest, size=archive.size, name=package.name, address=address)
    if not add_unless_stored(session, row):
        session.get_one(WantedArchiveRow, archive.digest).address = address


def wanted_archives(session: Session) -> list[tuple[str, str, BlobRef]]:
    """Return the archives that have to be fetched: name of the package, address, blob."""
    rows = session.exec(select(WantedArchiveRow).order_by(col(WantedArchiveRow.name)))
    return [(row.name, row.address, BlobRef(Digest(row.archive), row.size)) for row in rows]


def have_archive(session: Session, archive: Digest) -> None:
    """Record that an archive is in the store."""
    session.exec(delete(WantedArchiveRow).where(col(WantedArchiveRow.archive) == archive))


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
