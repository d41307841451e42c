"""The first step of a round: the open candidate of a channel, or a new candidate of all possible changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, excuses
from farm.server.curation import orders
from farm.server.curation.ordering import held_among
from farm.server.federation import imported
from farm.server.pipeline.gates.gate_result import moving_along
from farm.server.pipeline.released_tests import test_release
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.pipeline_states import CandidateState, ChangeState, OrderEnding, OrderKind, RoundState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.server.channels.candidates import Candidate
    from farm.server.curation.orders import Order
    from farm.server.pipeline.candidates.collect import Proposal
    from farm.server.pipeline.gates.gate_result import HeldBack
    from farm.server.pipeline.round import Round
    from farm.server.transaction.unit_of_work import UnitOfWork

_SEARCH_GATES = (GateKind.PROOF, GateKind.TESTS, GateKind.BUILD, GateKind.SIGNER)


def find_candidate(this: Round) -> Candidate | RoundResult:
    """Return the candidate of a round: the open one unless superseded, or a new one; or the result without one."""
    session, channel = this.unit.session, this.tools.channel
    candidate = candidates.open_candidate(session, channel)
    if candidate is None:
        return _collect(this)
    if reason := _why_superseded(this, candidate):
        candidates.decide(session, candidate.id, CandidateState.SUPERSEDED, reason=reason, now=this.unit.now)
        return _collect(this)
    return candidate


def _why_superseded(this: Round, candidate: Candidate) -> str:
    """Return why a candidate is superseded: by another base, other tests or testers, or a curator's order."""
    number, marks = this.base_number, this.tools.marks
    if candidate.base_number != number:
        return f"release {number} was published in the meantime: the candidate is tested again on top of it"
    if candidate.marks.testers != marks.testers:
        return "the signed list of testers has changed: the candidate is decided again with their results"
    if candidate.marks.tests != marks.tests:
        return "recipes with other tests were released in the meantime: the candidate is tested again with them"
    order = orders.open_order(this.unit.session, candidate.channel)
    if order is not None and order.kind is not OrderKind.RETRY and order.candidate_id != candidate.id:
        return f"a {order.kind} ordered by {order.ordered_by} takes precedence"
    return ""


def _was_decided(this: Round, latest: Candidate, proposal: Proposal, held: Collection[str]) -> bool:
    """Return whether the newest candidate has decided exactly what would be proposed now, under the present marks."""
    if latest.marks != this.tools.marks or _is_asked_again(this.unit, latest):
        return False
    decided = candidates.changes_of(this.unit.session, latest.id)
    if latest.state is CandidateState.REFUSED and latest.base_number == this.base_number:
        left = decided
    elif latest.state is CandidateState.RELEASED and this.newest and this.newest.candidate_id == latest.id:
        left = [change for change in decided if change.state is not ChangeState.ACCEPTED]
    else:
        return False
    before = {(change.name, change.after, change.state is ChangeState.WAITING) for change in left}
    now = {(name, after, name in held) for name, (_, after) in proposal.changes.items()}
    return before == now


def _is_asked_again(unit: UnitOfWork, latest: Candidate) -> bool:
    """Return whether the signer refused a candidate as a whole, and it is time to ask again."""
    standing = excuses.open_excuses(unit.session, latest.channel, package="")
    return any(
        kept.excuse.gate is GateKind.SIGNER and kept.excuse.until is not None and kept.excuse.until <= unit.now
        for kept in standing
    )


def _collect(this: Round) -> Candidate | RoundResult:
    """Open a candidate, unless there is nothing to change or all of it was decided before."""
    unit, tools, channel = this.unit, this.tools, this.tools.channel
    proposal = tools.collector.propose(unit, this.newest)
    if isinstance(proposal, RoundResult):
        return _nothing_to_do(this, proposal)
    if not proposal.changes and proposal.order is not None:
        outcome = f"nothing to do: {channel} holds that already"
        return _end_order(this, proposal.order, OrderEnding.NOTHING_TO_DO, RoundState.IDLE, outcome)
    if proposal.source.is_rollback and (refused := _refuse_rollback(this, proposal)):
        return refused
    held = {} if proposal.order else tools.gates.held_back(unit, proposal)
    latest = candidates.latest_candidate(unit.session, channel)
    if proposal.order is None and latest and _was_decided(this, latest, proposal, held):
        return _decided_before(this, latest, held)
    return _open(this, proposal, held)


def _open(this: Round, proposal: Proposal, held: Mapping[str, HeldBack]) -> Candidate:
    unit, tools = this.unit, this.tools
    opened = candidates.add_candidate(
        unit.session,
        tools.channel,
        proposal.changes,
        base_number=this.base_number,
        source=proposal.source,
        marks=tools.marks,
        now=unit.now,
    )
    imported.pin_candidate(unit.session, opened.id, proposal.pins)
    if proposal.order is not None:
        along = _moving_along(this, opened, proposal)
        orders.take_order(unit.session, proposal.order.id, candidate_id=opened.id, along=along)
        held = tools.gates.held_back(unit, proposal)
    candidates.place_changes(unit.session, opened.id, held, state=ChangeState.WAITING)
    return opened


def _moving_along(this: Round, opened: Candidate, proposal: Proposal) -> set[str]:
    """Return the packages that must move with those that a retry names, if a rollback keeps any package from moving."""
    order = proposal.order
    named = order.detail.get("packages") if order and order.kind is OrderKind.RETRY else ()
    if not named or not this.tools.gates.is_rolled_back(this.unit, proposal):
        return set()
    return moving_along(this.atoms(this.context(opened)), named)


def _refuse_rollback(this: Round, proposal: Proposal) -> RoundResult | None:
    """End the order of a rollback that would change packages that a curator has put on hold since."""
    in_the_way = held_among(this.unit, this.tools.channel, proposal.changes)
    if in_the_way is None or proposal.order is None:
        return None
    outcome = f"refused: {'; '.join(in_the_way)}"
    return _end_order(this, proposal.order, OrderEnding.REFUSED, RoundState.REFUSED, outcome)


def _end_order(this: Round, order: Order, ending: OrderEnding, state: RoundState, outcome: str) -> RoundResult:
    """End an order for which no candidate was opened."""
    unit = this.unit
    orders.finish_order(unit.session, order.id, candidate_id=None, ending=ending, outcome=outcome, now=unit.now)
    return RoundResult(this.tools.channel, state, outcome)


def _nothing_to_do(this: Round, nothing: RoundResult) -> RoundResult:
    if nothing.state is RoundState.IDLE:
        _renew_failed_builds(this)
    tests = "" if nothing.state is RoundState.BUILDING else test_release(this)
    return RoundResult(this.tools.channel, RoundState.WAITING, tests) if tests else nothing


def _decided_before(this: Round, latest: Candidate, held: Mapping[str, HeldBack]) -> RoundResult:
    """Update the excuses of the newest candidate, which has already decided what would be proposed now."""
    _renew_excuses(this, latest, held)
    _renew_failed_builds(this)
    tests = test_release(this)
    decided = f"candidate {latest.id} was {latest.state}; nothing has changed since"
    return RoundResult(this.tools.channel, RoundState.WAITING if tests else RoundState.REFUSED, tests or decided)


def _renew_failed_builds(this: Round) -> None:
    tools = this.tools
    if not tools.policy.from_channel:
        tools.failed_builds.renew(this.unit, tools.application.logs)


def _renew_excuses(this: Round, latest: Candidate, held: Mapping[str, HeldBack]) -> None:
    """Update the excuses if the gates now return other results."""
    unit = this.unit
    standing = excuses.open_excuses(unit.session, latest.channel)
    # The held packages are the same (`_was_decided`); the reasons may be more by now.
    said = {(kept.excuse.gate, kept.excuse.reason) for kept in standing}
    if {(back.gate, back.result.reason) for back in held.values()} <= said:
        return
    # A gate of single packages gives the same reason for packages that the signer refused.
    found = [
        kept.excuse
        for kept in standing
        if kept.excuse.gate in _SEARCH_GATES and not (kept.excuse.gate is GateKind.SIGNER and kept.excuse.package)
    ]
    context = this.context(latest)
    of_gates = this.explainer(context, this.atoms(context)).of_gates(held)
    excuses.hold_back(unit.session, latest.channel, latest.id, [*found, *of_gates], now=unit.now)
