"""Writing down how a candidate fares: what a gate says, why it is given up, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database import candidates, orders
from farm.database.pipeline_states import CandidateState, OrderEnding, OrderKind

if TYPE_CHECKING:
    from farm.control.desk import Desk
    from farm.database.candidates import Candidate
    from farm.database.evidence import TestEvidence
    from farm.database.pipeline_states import GateState
    from farm.database.releases import ReleaseRecord
    from farm.recipe.gate_kind import GateKind


def why_superseded(desk: Desk, candidate: Candidate, newest: ReleaseRecord | None) -> str:
    """Return why a candidate is given up: its base is another by now, or a curator's order goes first."""
    number = newest.number if newest else 0
    if candidate.base_number != number:
        return f"release {number} came meanwhile: it is tested anew on that"
    order = orders.open_order(desk.session, candidate.channel)
    if order is not None and order.kind is not OrderKind.RETRY and order.candidate_id != candidate.id:
        return f"a {order.kind} that {order.ordered_by} ordered goes first"
    return ""


def say_gate(
    desk: Desk,
    candidate: Candidate,
    gate: GateKind,
    state: GateState,
    summary: str,
    *,
    tests: TestEvidence | None = None,
) -> None:
    """Write down what a gate says now; of `tests` pages show those that failed and block nothing."""
    candidates.record_gate(desk.session, candidate.id, gate, state, summary, tests=tests, now=desk.now)


def release_candidate(desk: Desk, candidate: Candidate, told: str) -> None:
    """End a candidate whose release is published, and with it the order that it was opened for."""
    _end(desk, candidate, CandidateState.RELEASED, OrderEnding.RELEASED, told)


def refuse_candidate(desk: Desk, candidate: Candidate, told: str) -> None:
    """End a candidate of which nothing is published, and with it the order that it was opened for."""
    _end(desk, candidate, CandidateState.REFUSED, OrderEnding.REFUSED, told)


def _end(desk: Desk, candidate: Candidate, state: CandidateState, ending: OrderEnding, told: str) -> None:
    candidates.decide(desk.session, candidate.id, state, reason=told, now=desk.now)
    if order := orders.order_of(desk.session, candidate.id):
        outcome = f"{ending}: {told}" if told else ending
        orders.finish_order(
            desk.session, order.id, candidate_id=candidate.id, ending=ending, outcome=outcome, now=desk.now
        )
