"""A candidate for its page: gates in the order of the policy, atoms, runs of sets, tests, and excuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.grouping import grouped
from farm.core.policy.gate_kind import gate_key
from farm.server.channels import candidates
from farm.server.jobs import job_lookups
from farm.server.pipeline.candidates.release_contents import with_packages
from farm.server.pipeline.candidates.status import candidate_status
from web.pages.excuse_cards import cards
from web.pages.job_lines import job_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from farm.server.channels.candidates import Candidate, GateResult, SetRun
    from farm.server.pipeline.candidates.release_contents import SetChange
    from farm.server.transaction.unit_of_work import UnitOfWork

CHANGES = 200
_TESTS = 100
_RUNS = 50
UNBLOCKING = 100
"""The most failed tests that blocked nothing, of a kind, that a page lists."""


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate of the policy and its result for a candidate; `state` is empty before it was asked."""

    name: str
    state: str
    summary: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class RunLine:
    """One set that was evaluated, and how long that took."""

    run: SetRun
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class AtomLine:
    """Packages that move together, in one state."""

    members: Sequence[SetChange]
    state: str


def view_candidate(unit: UnitOfWork, candidate: Candidate, policy: Sequence[str]) -> dict[str, Any]:
    """Return what a page shows of a candidate; `policy` names the gates in their order.

    `purposes` counts the sets that had to be tested, by purpose. `moving` are the atoms of more than one package.
    """
    session = unit.session
    status = candidate_status(session, candidate)
    changed = candidates.changes_of(session, candidate.id)
    changes = with_packages(session, changed, limit=CHANGES)
    tests, all_tests = job_lookups.tests_of_candidate(session, candidate.id, limit=_TESTS)
    shown_runs = status.runs[-_RUNS:]
    atoms = grouped((change.atom, change) for change in changes.shown if change.atom)
    return {
        "candidate": candidate,
        "gates": _in_order(status.gates, policy),
        "excuses": cards(status.excuses),
        "tests": job_lines(session, tests, now=unit.now),
        "all_tests": all_tests,
        "changes": changes,
        "states": Counter(change.state for change in changed),
        "moving": [AtomLine(members, members[0].state) for members in atoms.values() if len(members) > 1],
        "purposes": candidates.count_runs(session, candidate.id),
        "runs": [RunLine(run, (run.ended_at or unit.now) - run.started_at) for run in reversed(shown_runs)],
        "all_runs": len(status.runs),
        "unblocking": candidates.unblocking_in(status.gates, limit=UNBLOCKING),
    }


def _in_order(results: Sequence[GateResult], policy: Sequence[str]) -> list[GateLine]:
    known = [GateLine(gate_key(result.gate), result.state, result.summary, result.at) for result in results]
    lines = {line.name: line for line in known}
    gates = [*policy, *(gate for gate in lines if gate not in policy)]
    return [lines.get(gate) or GateLine(gate, "", "", None) for gate in gates]
