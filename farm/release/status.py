"""How a channel stands, for people and pages: its newest release, what is at its gates, and what was held back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.compat import set_digest
from farm.database import jobs, packages, releases
from farm.database.states import JobKind, JobState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

    from farm.database.releases import Candidate, Excuse, GateResult, ReleaseRecord

UNFINISHED = (JobState.WAITING, JobState.READY, JobState.LEASED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class CandidateStatus:
    """A candidate with what its gates have said and why packages were held back."""

    candidate: Candidate
    gates: tuple[GateResult, ...]
    excuses: tuple[Excuse, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "id": self.candidate.id,
            "state": self.candidate.state,
            "created-at": _time(self.candidate.created_at),
            "decided-at": _time(self.candidate.decided_at),
            "package-set": self.candidate.set_digest,
            "gates": [
                {"gate": each.gate, "state": each.state, "summary": summary_of(each), "at": _time(each.at)}
                for each in self.gates
            ],
            "excuses": [{"package": each.package, "gate": each.gate, "reason": each.reason} for each in self.excuses],
        }


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """How a channel stands. `settled`: everything that is built has been released or refused, and no build runs."""

    channel: str
    newest: ReleaseRecord | None
    latest: CandidateStatus | None
    settled: bool

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "channel": self.channel,
            "newest": release_to_dict(self.newest) if self.newest else None,
            "candidate": self.latest.to_dict() if self.latest else None,
            "settled": self.settled,
        }


def channel_status(session: Session, channel: str) -> ChannelStatus:
    """Return how a channel stands now."""
    newest = releases.newest_release(session, channel)
    candidate = releases.latest_candidate(session, channel)
    latest = candidate_status(session, candidate) if candidate else None
    built = packages.current_digests(session)
    decided = {newest.set_digest} if newest else set()
    if candidate and candidate.state == releases.REFUSED:
        decided.add(candidate.set_digest)
    at_the_gates = candidate is not None and candidate.state == releases.OPEN
    settled = not at_the_gates and not has_unfinished_builds(session) and (not built or set_digest(built) in decided)
    return ChannelStatus(channel, newest, latest, settled)


def candidate_status(session: Session, candidate: Candidate) -> CandidateStatus:
    """Return a candidate with its gates and excuses."""
    gates = tuple(releases.gate_results(session, candidate.id))
    return CandidateStatus(candidate, gates, tuple(releases.excuses(session, candidate.id)))


def has_unfinished_builds(session: Session) -> bool:
    """Say whether any build may still put something out by itself (a blocked one waits for a person)."""
    return jobs.any_in_state(session, JobKind.BUILD, UNFINISHED)


def release_to_dict(record: ReleaseRecord) -> dict[str, Any]:
    """Return a release as JSON values."""
    return {
        "channel": record.channel,
        "number": record.number,
        "digest": record.digest,
        "previous": record.previous or None,
        "package-set": record.set_digest,
        "released-at": _time(record.released_at),
        "published-at": _time(record.published_at),
    }


def summary_of(result: GateResult) -> str:
    """Return a gate's own line for people."""
    return str(json.loads(result.detail).get("summary", "")) if result.detail else ""


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
