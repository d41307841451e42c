"""A candidate as its page shows it: gates in the order of the policy, atoms, runs of sets, tests, and excuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.database import candidates, lookups
from farm.release.set_changes import SetChanges, with_packages
from farm.release.status import candidate_status, summary_of
from web.pages.excuse_cards import ExcuseCard, cards
from web.pages.job_lines import JobLine, job_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from farm.control.desk import Desk
    from farm.database.candidates import Candidate

CHANGES = 200
_TESTS = 100


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate of the policy and what it has said of a candidate; `state` is empty while it was not asked."""

    name: str
    state: str
    summary: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate with its gates in the order of the policy, some of its tests, and what it would change."""

    candidate: Candidate
    gates: Sequence[GateLine]
    excuses: Sequence[ExcuseCard]
    tests: Sequence[JobLine]
    all_tests: int
    changes: SetChanges


def view_candidate(desk: Desk, candidate: Candidate, policy: Sequence[str]) -> CandidateView:
    """Return what a page says of a candidate; `policy` names the gates in their order."""
    session = desk.session
    status = candidate_status(session, candidate)
    said = {result.gate: GateLine(result.gate, result.state, summary_of(result), result.at) for result in status.gates}
    asked = [*policy, *(gate for gate in said if gate not in policy)]
    tests, all_tests = lookups.tests_of_candidate(session, candidate.id, limit=_TESTS)
    return CandidateView(
        candidate=candidate,
        gates=[said.get(gate) or GateLine(gate, "", "", None) for gate in asked],
        excuses=cards(status.excuses),
        tests=job_lines(session, tests, now=desk.now),
        all_tests=all_tests,
        changes=with_packages(session, candidates.changes_of(session, candidate.id), limit=CHANGES),
    )
