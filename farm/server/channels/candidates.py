"""Candidates: what they change, the results of their gates, and the sets that were evaluated; written and read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select, update

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.policy.gate_kind import GateKind
from farm.server.tables.evidence import EVIDENCE, Evidence, TestEvidence, unblocking, unblocking_of
from farm.server.tables.import_rows import CandidateImportRow
from farm.server.tables.pipeline_states import (
    CandidateOrigin,
    CandidateState,
    ChangeState,
    GateState,
    RunPurpose,
    RunState,
)
from farm.server.tables.reading import ColumnText, Record, in_parts
from farm.server.tables.release_rows import (
    CandidateChangeRow,
    CandidateRow,
    CandidateTestRow,
    GateResultRow,
    SetRunRow,
)
from farm.server.tables.writing import add_rows, add_unless_stored, changes_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Source(Record, columns={"channel": "from_channel", "number": "from_number"}):
    """Where the changes of a candidate come from: new builds, or release `number` of `channel`; and why it was opened.

    For a rollback that is the older release of the channel itself.
    """

    origin: CandidateOrigin
    channel: str = ""
    number: int = 0

    @property
    def is_rollback(self) -> bool:
        """Whether the candidate restores an old set, which was proven and tested when it was new."""
        return self.origin is CandidateOrigin.ROLLBACK

    def __str__(self) -> str:
        """Return the source as text for people."""
        if self.is_rollback:
            return f"rollback to release {self.number}"
        return f"{self.channel} release {self.number}" if self.channel else "builds"


@dataclass(frozen=True, slots=True)
class Marks(Record, columns={"tests": "tests_mark", "testers": "testers_mark"}):
    """The inputs of the verdict on a candidate: when a mark changes, the candidate is judged again.

    `tests` is the newest answered job, as each later one may bring other tests. `testers` identifies the testers whose
    results count, and is empty while all results count.
    """

    tests: int = 0
    testers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(
    Record,
    Form,
    record="candidate",
    keys={"set_digest": "package-set", "base_number": "base"},
    outside={"channel", "source", "trace", "marks"},
):
    """Changes to release `base_number` of a channel (0: none), proposed as the next release.

    `marks` are those at its opening.
    """

    id: int
    channel: str
    set_digest: Digest
    base_number: int
    source: Source
    state: CandidateState
    reason: str
    created_at: datetime
    decided_at: datetime | None
    trace: str
    marks: Marks = Marks()

    def to_dict(self) -> dict[str, Any]:
        """Return the candidate as JSON values; `base` is null if it changes no release."""
        source = {"source": str(self.source), "origin": self.source.origin}
        return {**Form.to_dict(self), **source, "base": self.base_number or None}


@dataclass(frozen=True, slots=True)
class Change(Record):
    """A package's change, by descriptor before and after.

    `atom` names the group that it moves with, once that is computed.
    """

    name: str
    before: Digest | None
    after: Digest | None
    atom: str = ""
    state: ChangeState = ChangeState.WANTED


_SUMMARY = ColumnText(lambda text: str(json.loads(text)["summary"]), str)
_UNBLOCKING = ColumnText(lambda text: unblocking_of(json.loads(text)), str)


@dataclass(frozen=True, slots=True)
class GateResult(
    Record,
    Form,
    record="gate result",
    outside={"tests"},
    columns={"summary": "detail", "tests": "detail"},
    texts={"summary": _SUMMARY, "tests": _UNBLOCKING},
):
    """The result of one gate: a summary for people, and the failed tests that block nothing."""

    gate: GateKind
    state: GateState
    summary: str
    at: datetime
    tests: TestEvidence = field(default_factory=TestEvidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRun(
    Record,
    Form,
    record="set run",
    keys={"set_digest": "package-set"},
    outside={"id", "evidence"},
    columns={"evidence": "detail"},
    texts={"evidence": EVIDENCE},
):
    """One set that was evaluated; `tests` are the jobs that it was the first to request."""

    id: int
    set_digest: Digest
    purpose: RunPurpose
    atoms: int
    tests: int
    state: RunState
    evidence: Evidence | None
    started_at: datetime
    ended_at: datetime | None


def candidate(session: Session, candidate_id: int) -> Candidate | None:
    """Return a candidate by its number."""
    return Candidate.first(session, select(CandidateRow).where(CandidateRow.id == candidate_id))


def open_candidate(session: Session, channel: str) -> Candidate | None:
    """Return the pending candidate of a channel, if there is one."""
    query = select(CandidateRow).where(CandidateRow.channel == channel, CandidateRow.state == CandidateState.OPEN)
    return Candidate.first(session, query.order_by(col(CandidateRow.id).desc()))


def latest_candidate(session: Session, channel: str) -> Candidate | None:
    """Return the newest candidate of a channel."""
    query = select(CandidateRow).where(CandidateRow.channel == channel).order_by(col(CandidateRow.id).desc())
    return Candidate.first(session, query)


def candidates(
    session: Session, channel: str, *, before: int | None = None, state: CandidateState | None = None, limit: int = 20
) -> list[Candidate]:
    """Return candidates of a channel, newest first, those older than the candidate `before`."""
    query = select(CandidateRow).where(CandidateRow.channel == channel)
    if before is not None:
        query = query.where(col(CandidateRow.id) < before)
    if state is not None:
        query = query.where(CandidateRow.state == state)
    return Candidate.all(session, query.order_by(col(CandidateRow.id).desc()).limit(limit))


def add_candidate(
    session: Session,
    channel: str,
    changes: Mapping[str, tuple[Digest | None, Digest | None]],
    *,
    base_number: int,
    source: Source,
    marks: Marks = Marks(),
    now: datetime,
) -> Candidate:
    """Open a candidate with these changes (by name: the descriptor before and after) on a channel."""
    digest = changes_digest(base_number, {name: after for name, (_, after) in changes.items()})
    row = CandidateRow(
        channel=channel,
        set_digest=digest,
        base_number=base_number,
        **source.columns(),
        **marks.columns(),
        state=CandidateState.OPEN,
        created_at=now,
        trace=f"candidate-{channel}-{digest.hex[:12]}",
    )
    added = Candidate.added(session, row)
    rows = (
        (CandidateImportRow if "/" in name else CandidateChangeRow)(
            candidate_id=added.id, name=name, before=before, after=after
        )
        for name, (before, after) in sorted(changes.items())
    )
    add_rows(session, rows)
    return added


def changes_digest(base_number: int, changes: Mapping[str, Digest | None]) -> Digest:
    """Return the digest of the set that these changes (None removes a package) make of a release."""
    return Digest.of_json({"base": base_number, "changes": dict(sorted(changes.items()))})


def changes_of(session: Session, candidate_id: int) -> list[Change]:
    """Return what a candidate changes, by name; imported packages by their full names."""
    own = Change.all(session, select(CandidateChangeRow).where(CandidateChangeRow.candidate_id == candidate_id))
    imported = Change.all(session, select(CandidateImportRow).where(CandidateImportRow.candidate_id == candidate_id))
    return sorted([*own, *imported], key=lambda change: change.name)


def changes_package(session: Session, candidate_id: int, name: str) -> bool:
    """Return whether a candidate adds, changes or removes this distribution's package of this name."""
    return session.get(CandidateChangeRow, (candidate_id, name)) is not None


def place_changes(
    session: Session,
    candidate_id: int,
    names: Iterable[str],
    *,
    atom: str | None = None,
    state: ChangeState | None = None,
) -> None:
    """Write the `atom` or the `state` of some changes of a candidate."""
    values = {key: value for key, value in (("atom", atom), ("state", state)) if value is not None}
    for some in in_parts(names):
        for row in (CandidateChangeRow, CandidateImportRow):
            session.exec(
                update(row).where(col(row.candidate_id) == candidate_id, col(row.name).in_(some)).values(**values)
            )


def decide(session: Session, candidate_id: int, state: CandidateState, *, reason: str, now: datetime) -> bool:
    """End a candidate that is still open; False if another process has ended it."""
    still_open = (col(CandidateRow.id) == candidate_id, col(CandidateRow.state) == CandidateState.OPEN)
    decision = update(CandidateRow).where(*still_open).values(state=state, reason=reason, decided_at=now)
    return changes_rows(session, decision)


def change_reason(session: Session, candidate_id: int, reason: str) -> None:
    """Change the reason of a candidate that has ended."""
    session.exec(update(CandidateRow).where(col(CandidateRow.id) == candidate_id).values(reason=reason))


def record_gate(
    session: Session,
    candidate_id: int,
    gate: GateKind,
    state: GateState,
    summary: str,
    *,
    tests: TestEvidence | None = None,
    now: datetime,
) -> None:
    """Record the result of a gate, replacing its earlier one; of `tests`, those that block nothing."""
    detail = json.dumps({"summary": summary, **unblocking(tests or TestEvidence())})
    query = select(GateResultRow).where(GateResultRow.candidate_id == candidate_id, GateResultRow.gate == gate)
    row = session.exec(query).first()
    if row is None:
        session.add(GateResultRow(candidate_id=candidate_id, gate=gate, state=state, detail=detail, at=now))
    elif (row.state, row.detail) != (state, detail):
        row.state, row.detail, row.at = state, detail, now


def gate_results(session: Session, candidate_id: int) -> list[GateResult]:
    """Return the results of a candidate's gates, in the order in which they were asked."""
    query = select(GateResultRow).where(GateResultRow.candidate_id == candidate_id).order_by(col(GateResultRow.id))
    return GateResult.all(session, query)


def unblocking_tests(session: Session, candidate_id: int | None, *, limit: int | None = None) -> TestEvidence:
    """Return the failed tests of a candidate that blocked nothing, at most `limit` of those of each kind."""
    return unblocking_in(gate_results(session, candidate_id) if candidate_id else [], limit=limit)


def unblocking_in(gates: Sequence[GateResult], *, limit: int | None = None) -> TestEvidence:
    """As `unblocking_tests`, from the gates of a candidate."""
    already_red = tuple(test for gate in gates for test in gate.tests.already_red)
    flaky = tuple(test for gate in gates for test in gate.tests.flaky)
    return TestEvidence(already_red=already_red[:limit], flaky=flaky[:limit])


def note_test(session: Session, candidate_id: int, job_id: int) -> bool:
    """Record that a candidate waits for a test job; False if that is recorded already."""
    return add_unless_stored(session, CandidateTestRow(candidate_id=candidate_id, job_id=job_id))


def test_jobs(session: Session, candidate_id: int) -> list[int]:
    """Return the test jobs that a candidate has asked for."""
    query = select(CandidateTestRow.job_id).where(CandidateTestRow.candidate_id == candidate_id)
    return sorted(session.exec(query))


def set_runs(session: Session, candidate_id: int) -> list[SetRun]:
    """Return the sets of a candidate that were evaluated, in order."""
    query = select(SetRunRow).where(SetRunRow.candidate_id == candidate_id).order_by(col(SetRunRow.id))
    return SetRun.all(session, query)


def count_runs(session: Session, candidate_id: int) -> dict[RunPurpose, int]:
    """Return how many sets had to be tested, by purpose: those that known verdicts answered are not counted."""
    query = (
        select(SetRunRow.purpose, func.count())
        .where(SetRunRow.candidate_id == candidate_id, col(SetRunRow.tests) > 0)
        .group_by(SetRunRow.purpose)
    )
    return {RunPurpose(purpose): count for purpose, count in session.exec(query)}


def record_run(
    session: Session,
    candidate_id: int,
    set_digest: Digest,
    *,
    purpose: RunPurpose,
    atoms: int,
    tests: int,
    state: RunState,
    evidence: Evidence | None,
    now: datetime,
) -> None:
    """Record the state of a set; the tests that it requests now are added to the earlier ones."""
    query = select(SetRunRow).where(SetRunRow.candidate_id == candidate_id, SetRunRow.set_digest == set_digest)
    row = session.exec(query).first()
    if row is None:
        row = SetRunRow(
            candidate_id=candidate_id,
            set_digest=set_digest,
            purpose=purpose,
            atoms=atoms,
            state=RunState.PENDING,
            started_at=now,
        )
        session.add(row)
    if row.state is RunState.PENDING:
        row.tests += tests
        row.state, row.detail = state, EVIDENCE.write(evidence)
        row.ended_at = None if state is RunState.PENDING else now
