"""Records the results of a candidate: what a gate returned, and how it ended; and what halts a channel."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.core.names.wording import counted
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.errors import FarmError
from farm.server.channels import candidates, channel_troubles, excuses, releases
from farm.server.curation import orders
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.pipeline_states import (
    CandidateState,
    GateState,
    OrderEnding,
    RoundState,
)
from farm.server.transaction.text import kept_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import Excuse
    from farm.server.tables.evidence import InterfaceCount, TestEvidence
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


def record_gate_result(
    unit: UnitOfWork,
    candidate: Candidate,
    gate: GateKind,
    state: GateState,
    summary: str,
    *,
    tests: TestEvidence | None = None,
) -> None:
    """Record a gate's result; of `tests`, pages show those that failed and block nothing."""
    candidates.record_gate(unit.session, candidate.id, gate, state, summary, tests=tests, now=unit.now)


def record_interfaces(unit: UnitOfWork, candidate: Candidate, count: InterfaceCount) -> None:
    """Record that no interface of a set changed, and which could not be compared: those count as unknown."""
    summary = (
        f"{counted(count.compared, 'interface')} compared" if count.compared else "no interface had to be compared"
    )
    if count.not_judged:
        summary += f", {len(count.not_judged)} not judged: {listed(count.not_judged)}"
    record_gate_result(unit, candidate, GateKind.ABI, GateState.PASSED, summary)


def record_freeze(unit: UnitOfWork, candidate: Candidate) -> RoundResult | None:
    """Record that a channel is frozen, and return that result; None if it is not frozen, or no longer."""
    if frozen := releases.frozen(unit.session, candidate.channel, now=unit.now):
        until = f" until {frozen.until:%Y-%m-%d %H:%M} UTC" if frozen.until else ""
        message = f"{candidate.channel} is frozen{until} by {frozen.by}: {frozen.why}"
        record_gate_result(unit, candidate, GateKind.FREEZE, GateState.PENDING, message)
        return RoundResult(candidate.channel, RoundState.OPEN, message)
    if any(result.gate is GateKind.FREEZE for result in candidates.gate_results(unit.session, candidate.id)):
        record_gate_result(
            unit, candidate, GateKind.FREEZE, GateState.PASSED, f"{candidate.channel} is no longer frozen"
        )
    return None


def refuse(unit: UnitOfWork, candidate: Candidate, found: Sequence[Excuse]) -> RoundResult:
    """End a candidate of which nothing is published, and with it the order that it was opened for."""
    excuses.hold_back(unit.session, candidate.channel, candidate.id, found, now=unit.now)
    reasons = "; ".join(dict.fromkeys(excuse.reason for excuse in found))
    end_candidate(unit, candidate, CandidateState.REFUSED, reasons)
    return RoundResult(candidate.channel, RoundState.REFUSED, f"candidate {candidate.id} is refused: {reasons}")


def end_candidate(unit: UnitOfWork, candidate: Candidate, state: CandidateState, reason: str) -> None:
    """End a candidate as refused or released, and with it the order that it was opened for."""
    candidates.decide(unit.session, candidate.id, state, reason=reason, now=unit.now)
    if order := orders.order_of(unit.session, candidate.id):
        ending = OrderEnding(state.value)
        outcome = f"{ending}: {reason}" if reason else ending
        orders.finish_order(
            unit.session, order.id, candidate_id=candidate.id, ending=ending, outcome=outcome, now=unit.now
        )


@contextmanager
def recorded_halts(application: Application, channel: str) -> Iterator[None]:
    """A context for a round: an error is recorded as what halts the channel, until a round succeeds."""
    try:
        yield
    except Exception as error:
        unexpected = f"{type(error).__name__}: the log of the control process says more."
        _record_halt(application, channel, kept_error(error) if isinstance(error, FarmError) else unexpected)
        raise
    _record_halt(application, channel, "")


def _record_halt(application: Application, channel: str, why: str) -> None:
    with application.reading() as unit:
        if channel_troubles.halted(unit.session, channel) == why:
            return
    with application.writing() as unit:
        channel_troubles.set_halted(unit.session, channel, why)
