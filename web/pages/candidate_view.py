"""A candidate as its page shows it: gates in the order of the policy, atoms, runs of sets, tests, and excuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.database import candidates, lookups
from farm.release.set_changes import with_packages
from farm.release.status import candidate_status, detail_of, summary_of
from web.pages.excuse_cards import ExcuseCard, cards
from web.pages.job_lines import JobLine, job_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlmodel import Session

    from farm.control.desk import Desk
    from farm.database.candidates import Candidate, GateResult, SetRun
    from farm.database.releases import ReleaseRecord
    from farm.release.set_changes import SetChange, SetChanges

CHANGES = 200
_TESTS = 100
_RUNS = 50
_TOLD = 100


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate of the policy and what it has said of a candidate; `state` is empty while it was not asked."""

    name: str
    state: str
    summary: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ToldTest:
    """A test that a gate has told of, though it does not block: it failed before already, or it is flaky."""

    package: str
    test: str
    job: int | None
    message: str
    changed: bool


@dataclass(frozen=True, slots=True)
class RunLine:
    """One set that was looked at, and for how long."""

    run: SetRun
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class AtomLine:
    """Packages that move together, in one state."""

    members: Sequence[SetChange]
    state: str


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate with its gates in the order of the policy, what it would change, and how its search went.

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
    purposes: Mapping[str, int]
    runs: Sequence[RunLine]
    all_runs: int
    already_red: Sequence[ToldTest]
    flaky: Sequence[ToldTest]


def view_candidate(desk: Desk, candidate: Candidate, policy: Sequence[str]) -> CandidateView:
    """Return what a page says of a candidate; `policy` names the gates in their order."""
    session = desk.session
    status = candidate_status(session, candidate)
    changed = candidates.changes_of(session, candidate.id)
    changes = with_packages(session, changed, limit=CHANGES)
    tests, all_tests = lookups.tests_of_candidate(session, candidate.id, limit=_TESTS)
    shown_runs = status.runs[-_RUNS:]
    return CandidateView(
        candidate=candidate,
        gates=_in_order(status.gates, policy),
        excuses=cards(status.excuses),
        tests=job_lines(session, tests, now=desk.now),
        all_tests=all_tests,
        changes=changes,
        states=Counter(each.state for each in changed),
        moving=_moving(changes.shown),
        purposes=candidates.count_runs(session, candidate.id),
        runs=[RunLine(each, (each.ended_at or desk.now) - each.started_at) for each in reversed(shown_runs)],
        all_runs=len(status.runs),
        already_red=_told(status.gates, "already-red"),
        flaky=_told(status.gates, "flaky"),
    )


@dataclass(frozen=True, slots=True)
class UnblockingTests:
    """Tests that kept nothing out of a release though they failed."""

    already_red: Sequence[ToldTest]
    flaky: Sequence[ToldTest]

    @classmethod
    def of(cls, session: Session, release: ReleaseRecord | None) -> UnblockingTests:
        """Return what was told when this release was a candidate; nothing of no release."""
        said = candidates.gate_results(session, release.candidate_id) if release and release.candidate_id else []
        return cls(_told(said, "already-red"), _told(said, "flaky"))


def _in_order(said: Sequence[GateResult], policy: Sequence[str]) -> list[GateLine]:
    lines = {each.gate: GateLine(each.gate, each.state, summary_of(each), each.at) for each in said}
    asked = [*policy, *(gate for gate in lines if gate not in policy)]
    return [lines.get(gate) or GateLine(gate, "", "", None) for gate in asked]


def _moving(changes: Sequence[SetChange]) -> list[AtomLine]:
    atoms: dict[str, list[SetChange]] = {}
    for each in changes:
        if each.atom:
            atoms.setdefault(each.atom, []).append(each)
    return [AtomLine(members, members[0].state) for members in atoms.values() if len(members) > 1]


def _told(gates: Sequence[GateResult], kind: str) -> list[ToldTest]:
    found: list[dict[str, Any]] = [told for gate in gates for told in detail_of(gate).get(kind, ())]
    return [
        ToldTest(
            package=str(each.get("package", "")),
            test=str(each.get("test", "")),
            job=each.get("job") or None,
            message=str(each.get("message", "")),
            changed=bool(each.get("changed")),
        )
        for each in found[:_TOLD]
    ]
