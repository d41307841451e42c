"""A candidate for its page: gates in the order of the policy, atoms, runs of sets, tests, and excuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import gate_key
from farm.server.channels import candidates
from farm.server.jobs import job_lookups
from farm.server.pipeline.candidates.release_contents import with_packages
from farm.server.pipeline.candidates.status import candidate_status
from web.pages.excuse_cards import ExcuseCard, cards
from web.pages.job_lines import JobLine, job_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlmodel import Session

    from farm.server.channels.candidates import Candidate, GateResult, SetRun
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.candidates.release_contents import SetChange, SetChanges
    from farm.server.tables.evidence import FailedTest
    from farm.server.tables.pipeline_states import RunPurpose
    from farm.server.transaction.unit_of_work import UnitOfWork

CHANGES = 200
_TESTS = 100
_RUNS = 50
_TOLD = 100


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


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate with its gates in the order of the policy, its changes, and its search.

    `purposes` counts the sets that had to be tested, by purpose. `moving` are the atoms of more than one package.
    """

    candidate: Candidate
    gates: Sequence[GateLine]
    excuses: Sequence[ExcuseCard]
    tests: Sequence[JobLine]
    all_tests: int
    changes: SetChanges
    states: Mapping[str, int]
    moving: Sequence[AtomLine]
    purposes: Mapping[RunPurpose, int]
    runs: Sequence[RunLine]
    all_runs: int
    already_red: Sequence[FailedTest]
    flaky: Sequence[FailedTest]


def view_candidate(unit: UnitOfWork, candidate: Candidate, policy: Sequence[str]) -> CandidateView:
    """Return the view of a candidate; `policy` names the gates in their order."""
    session = unit.session
    status = candidate_status(session, candidate)
    changed = candidates.changes_of(session, candidate.id)
    changes = with_packages(session, changed, limit=CHANGES)
    tests, all_tests = job_lookups.tests_of_candidate(session, candidate.id, limit=_TESTS)
    shown_runs = status.runs[-_RUNS:]
    return CandidateView(
        candidate=candidate,
        gates=_in_order(status.gates, policy),
        excuses=cards(status.excuses),
        tests=job_lines(session, tests, now=unit.now),
        all_tests=all_tests,
        changes=changes,
        states=Counter(change.state for change in changed),
        moving=_moving(changes.shown),
        purposes=candidates.count_runs(session, candidate.id),
        runs=[RunLine(run, (run.ended_at or unit.now) - run.started_at) for run in reversed(shown_runs)],
        all_runs=len(status.runs),
        already_red=_already_red(status.gates),
        flaky=_flaky(status.gates),
    )


@dataclass(frozen=True, slots=True)
class UnblockingTests:
    """Failed tests that blocked nothing."""

    already_red: Sequence[FailedTest]
    flaky: Sequence[FailedTest]

    @classmethod
    def of(cls, session: Session, release: ReleaseRecord | None) -> UnblockingTests:
        """Return those recorded when this release was a candidate; empty without a release."""
        said = candidates.gate_results(session, release.candidate_id) if release and release.candidate_id else []
        return cls(_already_red(said), _flaky(said))


def _in_order(said: Sequence[GateResult], policy: Sequence[str]) -> list[GateLine]:
    spoken = [GateLine(gate_key(result.gate), result.state, result.summary, result.at) for result in said]
    lines = {line.name: line for line in spoken}
    asked = [*policy, *(gate for gate in lines if gate not in policy)]
    return [lines.get(gate) or GateLine(gate, "", "", None) for gate in asked]


def _moving(changes: Sequence[SetChange]) -> list[AtomLine]:
    atoms: dict[str, list[SetChange]] = {}
    for change in changes:
        if change.atom:
            atoms.setdefault(change.atom, []).append(change)
    return [AtomLine(members, members[0].state) for members in atoms.values() if len(members) > 1]


def _already_red(gates: Sequence[GateResult]) -> list[FailedTest]:
    return [test for gate in gates for test in gate.tests.already_red][:_TOLD]


def _flaky(gates: Sequence[GateResult]) -> list[FailedTest]:
    return [test for gate in gates for test in gate.tests.flaky][:_TOLD]
