"""Makes the database agree with the published releases where it differs from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import and_, col, delete, or_, select, update

from farm.server.tables.pipeline_states import CandidateState
from farm.server.tables.release_rows import CandidateRow, MembershipRow, ReleaseRow

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.core.names.digest import Digest


def is_recorded(session: Session, channel: str, number: int, digest: Digest) -> bool:
    """Return whether exactly this release is recorded as published under its number."""
    query = select(ReleaseRow.id).where(
        ReleaseRow.channel == channel,
        ReleaseRow.number == number,
        ReleaseRow.digest == digest,
        col(ReleaseRow.published_at).is_not(None),
    )
    return session.exec(query.limit(1)).first() is not None


def has_open_candidate(session: Session, channel: str, number: int, digest: Digest) -> bool:
    """Return whether exactly this release is recorded for a candidate that waits for the signer's answer."""
    query = (
        select(ReleaseRow.id)
        .join(CandidateRow, col(CandidateRow.id) == col(ReleaseRow.candidate_id))
        .where(
            ReleaseRow.channel == channel,
            ReleaseRow.number == number,
            ReleaseRow.digest == digest,
            CandidateRow.state == CandidateState.OPEN,
        )
    )
    return session.exec(query.limit(1)).first() is not None


def later_numbers(session: Session, channel: str, number: int) -> list[int]:
    """Return the numbers after this one under which releases of a channel are recorded as published."""
    query = select(ReleaseRow.number).where(
        ReleaseRow.channel == channel, ReleaseRow.number > number, col(ReleaseRow.published_at).is_not(None)
    )
    return list(session.exec(query.order_by(col(ReleaseRow.number))))


def set_aside(session: Session, channel: str, number: int, *, reason: str) -> None:
    """Withdraw the records after a number of a channel: their candidates are superseded, for this reason."""
    later = (col(ReleaseRow.channel) == channel, col(ReleaseRow.number) > number)
    released = select(ReleaseRow.candidate_id).where(*later)
    session.exec(
        update(CandidateRow)
        .where(
            col(CandidateRow.id).in_(released),
            col(CandidateRow.channel) == channel,
            col(CandidateRow.state) == CandidateState.RELEASED,
        )
        .values(state=CandidateState.SUPERSEDED, reason=reason)
    )
    _forget_members(session, channel, number + 1)
    session.exec(delete(ReleaseRow).where(*later))


def make_room(session: Session, channel: str, number: int, digest: Digest) -> int | None:
    """Withdraw the records of a channel from a number on, and any row with this digest.

    Returns the candidate of the release with that number, if there was one.
    """
    released = (
        select(CandidateRow.id)
        .join(ReleaseRow, col(ReleaseRow.candidate_id) == col(CandidateRow.id))
        .where(
            ReleaseRow.channel == channel,
            CandidateRow.channel == channel,
            CandidateRow.state == CandidateState.RELEASED,
            or_(col(ReleaseRow.number) == number, col(ReleaseRow.digest) == digest),
        )
    )
    candidate = session.exec(released.limit(1)).first()
    _forget_members(session, channel, number)
    here = and_(col(ReleaseRow.channel) == channel, col(ReleaseRow.number) >= number)
    session.exec(delete(ReleaseRow).where(or_(here, col(ReleaseRow.digest) == digest)))
    return candidate


def _forget_members(session: Session, channel: str, number: int) -> None:
    """Delete what releases of a channel from a number on added and removed."""
    of_channel = col(MembershipRow.channel) == channel
    session.exec(delete(MembershipRow).where(of_channel, col(MembershipRow.since) >= number))
    reopened = update(MembershipRow).where(of_channel, col(MembershipRow.until) >= number)
    session.exec(reopened.values(until=None))
