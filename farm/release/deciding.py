"""Writing down how a candidate fares: what a gate says, why it is given up, and how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.database import candidates, orders

if TYPE_CHECKING:
    from farm.control.desk import Desk
    from farm.database.candidates import Candidate
    from farm.database.releases import ReleaseRecord


def why_superseded(desk: Desk, candidate: Candidate, newest: ReleaseRecord | None) -> str:
    """Return why a candidate is given up: its base is another by now, or a curator's order goes first."""
    number = newest.number if newest else 0
    if candidate.base_number != number:
        return f"release {number} came meanwhile: it is tested anew on that"
    order = orders.open_order(desk.session, candidate.channel)
    if order is not None and order.kind != "retry" and order.candidate_id != candidate.id:
        return f"a {order.kind} that {order.ordered_by} ordered goes first"
    return ""


def say_gate(desk: Desk, candidate: Candidate, gate: str, state: str, summary: str, **more: object) -> None:
    """Write down what a gate says now; `more` are lists that pages show beside the summary."""
    detail = json.dumps({"summary": summary, **more})
    candidates.record_gate(desk.session, candidate.id, gate, state, detail, now=desk.now)


def end_candidate(desk: Desk, candidate: Candidate, state: str, reason: str) -> None:
    """Decide about a candidate, and with it about the order that it was opened for."""
    candidates.decide(desk.session, candidate.id, state, reason=reason, now=desk.now)
    if order := orders.order_of(desk.session, candidate.id):
        outcome = f"{state}: {reason}" if reason else state
        orders.finish_order(desk.session, order.id, candidate_id=candidate.id, outcome=outcome, now=desk.now)
