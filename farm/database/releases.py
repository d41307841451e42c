"""Channels, candidates, gate results, excuses and releases: written and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select, update

from farm.database.package_rows import PackageRow
from farm.database.packages import package_of_row
from farm.database.release_rows import (
    CandidateMemberRow,
    CandidateRow,
    CandidateTestRow,
    ChannelRow,
    ExcuseRow,
    GateResultRow,
    ReleaseMemberRow,
    ReleaseRow,
)
from farm.names import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from farm.database.records import Package

OPEN, REFUSED, RELEASED, SUPERSEDED = "open", "refused", "released", "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A package set that wants to become a release."""

    id: int
    channel: str
    set_digest: Digest
    state: str
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate said: `state` is pending, passed or failed."""

    gate: str
    state: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a package was held back: the gate, and a reason that a person can act on."""

    package: str
    gate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRecord:
    """A release as the database knows it; `published_at` is None until the signer has signed it."""

    id: int
    channel: str
    number: int
    candidate_id: int | None
    set_digest: Digest
    digest: Digest
    previous: str
    released_at: datetime
    published_at: datetime | None


def ensure_channel(session: Session, name: str, policy: str) -> None:
    """Record a channel with the policy that is in force from now on."""
    row = session.get(ChannelRow, name)
    if row is None:
        session.add(ChannelRow(name=name, policy=policy))
    elif row.policy != policy:
        row.policy = policy
    session.flush()


def channels(session: Session) -> list[str]:
    """Return the names of all channels, sorted."""
    return list(session.exec(select(ChannelRow.name).order_by(ChannelRow.name)))


def open_candidate(session: Session, channel: str) -> Candidate | None:
    """Return the candidate that is at the gates of a channel, if there is one."""
    query = select(CandidateRow).where(CandidateRow.channel == channel, CandidateRow.state == OPEN)
    row = session.exec(query.order_by(col(CandidateRow.id).desc())).first()
    return candidate_of_row(row) if row else None


def latest_candidate(session: Session, channel: str) -> Candidate | None:
    """Return the newest candidate of a channel."""
    query = select(CandidateRow).where(CandidateRow.channel == channel).order_by(col(CandidateRow.id).desc())
    row = session.exec(query.limit(1)).first()
    return candidate_of_row(row) if row else None


def candidates(session: Session, channel: str, *, before: int | None = None, limit: int = 20) -> list[Candidate]:
    """Return candidates of a channel, newest first, those older than the candidate `before`."""
    query = select(CandidateRow).where(CandidateRow.channel == channel)
    if before is not None:
        query = query.where(col(CandidateRow.id) < before)
    return [candidate_of_row(row) for row in session.exec(query.order_by(col(CandidateRow.id).desc()).limit(limit))]


def add_candidate(
    session: Session, channel: str, set_digest: Digest, members: Sequence[Package], *, trace: str, now: datetime
) -> Candidate:
    """Put a package set at the gates of a channel."""
    row = CandidateRow(channel=channel, set_digest=set_digest, state=OPEN, created_at=now, trace=trace)
    session.add(row)
    session.flush()
    candidate = candidate_of_row(row)
    session.add_all(
        CandidateMemberRow(candidate_id=candidate.id, name=each.name, package=each.digest) for each in members
    )
    session.flush()
    return candidate


def candidate_members(session: Session, candidate_id: int) -> list[Package]:
    """Return the packages of a candidate, by name."""
    query = (
        select(PackageRow)
        .join(CandidateMemberRow, col(CandidateMemberRow.package) == col(PackageRow.digest))
        .where(CandidateMemberRow.candidate_id == candidate_id)
        .order_by(PackageRow.name)
    )
    return [package_of_row(row) for row in session.exec(query)]


def decide(session: Session, candidate: Candidate, state: str, *, now: datetime) -> bool:
    """End a candidate that is still open; False when somebody else has."""
    decided = session.exec(
        update(CandidateRow)
        .where(col(CandidateRow.id) == candidate.id, col(CandidateRow.state) == OPEN)
        .values(state=state, decided_at=now)
    )
    return bool(decided.rowcount)


def record_gate(session: Session, candidate_id: int, gate: str, state: str, detail: str, *, now: datetime) -> None:
    """Write down what a gate says now, in place of what it said before."""
    query = select(GateResultRow).where(GateResultRow.candidate_id == candidate_id, GateResultRow.gate == gate)
    row = session.exec(query).first()
    if row is None:
        session.add(GateResultRow(candidate_id=candidate_id, gate=gate, state=state, detail=detail, at=now))
    elif (row.state, row.detail) != (state, detail):
        row.state, row.detail, row.at = state, detail, now
    session.flush()


def gate_results(session: Session, candidate_id: int) -> list[GateResult]:
    """Return what the gates of a candidate have said, in the order in which they were asked."""
    query = select(GateResultRow).where(GateResultRow.candidate_id == candidate_id).order_by(col(GateResultRow.id))
    return [GateResult(row.gate, row.state, row.detail, row.at) for row in session.exec(query)]


def note_test(session: Session, candidate_id: int, job_id: int) -> None:
    """Record that a candidate waits for a test job."""
    if session.get(CandidateTestRow, (candidate_id, job_id)) is None:
        session.add(CandidateTestRow(candidate_id=candidate_id, job_id=job_id))
        session.flush()


def test_jobs(session: Session, candidate_id: int) -> list[int]:
    """Return the test jobs that a candidate has asked for."""
    query = select(CandidateTestRow.job_id).where(CandidateTestRow.candidate_id == candidate_id)
    return sorted(session.exec(query))


def excuse(session: Session, candidate_id: int, excuses: Iterable[Excuse]) -> None:
    """Write down why a candidate, or packages of it, were held back."""
    session.add_all(
        ExcuseRow(candidate_id=candidate_id, package=each.package, gate=each.gate, reason=each.reason)
        for each in excuses
    )
    session.flush()


def excuses(session: Session, candidate_id: int) -> list[Excuse]:
    """Return why a candidate was refused."""
    query = select(ExcuseRow).where(ExcuseRow.candidate_id == candidate_id).order_by(col(ExcuseRow.id))
    return [Excuse(row.package, row.gate, row.reason) for row in session.exec(query)]


def newest_release(session: Session, channel: str, *, published: bool = True) -> ReleaseRecord | None:
    """Return the newest release of a channel; with `published` false also one that the signer has not signed yet."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel)
    if published:
        query = query.where(col(ReleaseRow.published_at).is_not(None))
    row = session.exec(query.order_by(col(ReleaseRow.number).desc()).limit(1)).first()
    return release_of_row(row) if row else None


def release(session: Session, channel: str, number: int) -> ReleaseRecord | None:
    """Return a release by its number."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel, ReleaseRow.number == number)
    row = session.exec(query).first()
    return release_of_row(row) if row else None


def releases(session: Session, channel: str, *, before: int | None = None, limit: int = 50) -> list[ReleaseRecord]:
    """Return releases of a channel, newest first, those with a lower number than `before`."""
    query = select(ReleaseRow).where(ReleaseRow.channel == channel)
    if before is not None:
        query = query.where(col(ReleaseRow.number) < before)
    return [release_of_row(row) for row in session.exec(query.order_by(col(ReleaseRow.number).desc()).limit(limit))]


def release_members(session: Session, release_id: int) -> list[Package]:
    """Return the packages of a release, by name."""
    query = (
        select(PackageRow)
        .join(ReleaseMemberRow, col(ReleaseMemberRow.package) == col(PackageRow.digest))
        .where(ReleaseMemberRow.release_id == release_id)
        .order_by(PackageRow.name)
    )
    return [package_of_row(row) for row in session.exec(query)]


def add_release(
    session: Session,
    candidate: Candidate,
    *,
    number: int,
    digest: Digest,
    previous: Digest | None,
    members: Sequence[Package],
    now: datetime,
) -> ReleaseRecord:
    """Record a release that is about to be signed."""
    row = ReleaseRow(
        channel=candidate.channel,
        number=number,
        candidate_id=candidate.id,
        set_digest=candidate.set_digest,
        digest=digest,
        previous=previous or "",
        released_at=now,
    )
    session.add(row)
    session.flush()
    record = release_of_row(row)
    session.add_all(ReleaseMemberRow(release_id=record.id, name=each.name, package=each.digest) for each in members)
    session.flush()
    return record


def mark_published(session: Session, release_id: int, *, now: datetime) -> None:
    """Record that the signer has signed a release."""
    session.exec(
        update(ReleaseRow)
        .where(col(ReleaseRow.id) == release_id, col(ReleaseRow.published_at).is_(None))
        .values(published_at=now)
    )


def drop_release(session: Session, release_id: int) -> None:
    """Take back a release that the signer has refused: it never was one, and its number is free again."""
    session.exec(delete(ReleaseMemberRow).where(col(ReleaseMemberRow.release_id) == release_id))
    session.exec(delete(ReleaseRow).where(col(ReleaseRow.id) == release_id, col(ReleaseRow.published_at).is_(None)))


def candidate_of_row(row: CandidateRow) -> Candidate:
    """Return the value of a row."""
    assert row.id is not None  # noqa: S101  (a row that was read or flushed)
    return Candidate(
        id=row.id,
        channel=row.channel,
        set_digest=Digest(row.set_digest),
        state=row.state,
        created_at=row.created_at,
        decided_at=row.decided_at,
    )


def release_of_row(row: ReleaseRow) -> ReleaseRecord:
    """Return the value of a row."""
    assert row.id is not None  # noqa: S101
    return ReleaseRecord(
        id=row.id,
        channel=row.channel,
        number=row.number,
        candidate_id=row.candidate_id,
        set_digest=Digest(row.set_digest),
        digest=Digest(row.digest),
        previous=row.previous,
        released_at=row.released_at,
        published_at=row.published_at,
    )
