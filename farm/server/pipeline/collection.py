"""The first step of a round: the open candidate of a channel, or a new candidate of all possible changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, excuses
from farm.server.curation import orders
from farm.server.curation.ordering import held_among
from farm.server.federation import imported
from farm.server.pipeline.candidates.collect import NothingToDo
from farm.server.pipeline.excuses.decisions import Step, end_order, was_decided, why_superseded
from farm.server.pipeline.excuses.explain import Explainer
from farm.server.pipeline.gates.gate_result import moving_along
from farm.server.pipeline.released_tests import test_release
from farm.server.tables.pipeline_states import CandidateState, ChangeState, OrderEnding, OrderKind, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.candidates.collect import Proposal
    from farm.server.pipeline.gates.gate_result import HeldBack
    from farm.server.pipeline.round import Round

_SEARCH_GATES = (GateKind.PROOF, GateKind.TESTS, GateKind.BUILD, GateKind.SIGNER)


def find_candidate(this: Round) -> Candidate | Step:
    """Return the candidate of a round: the open one unless superseded, or a new one; a `Step` if there is none."""
    session, channel = this.unit.session, this.tools.channel
    candidate = candidates.open_candidate(session, channel)
    if candidate is None:
        return _collect(this)
    if reason := why_superseded(this.unit, candidate, this.newest, this.tools.marks):
        candidates.decide(session, candidate.id, CandidateState.SUPERSEDED, reason=reason, now=this.unit.now)
        return _collect(this)
    return candidate


def _collect(this: Round) -> Candidate | Step:
    """Open a candidate, unless there is nothing to change or all of it was decided before."""
    unit, tools, channel = this.unit, this.tools, this.tools.channel
    proposal = tools.collector.propose(unit, this.newest)
    if isinstance(proposal, NothingToDo):
        return _nothing_to_do(this, proposal)
    if not proposal.changes and proposal.order is not None:
        outcome = f"nothing to do: {channel} holds that already"
        end_order(unit, proposal.order, OrderEnding.NOTHING_TO_DO, outcome)
        return Step(channel, StepState.IDLE, outcome)
    if proposal.source.is_rollback and (refused := _refuse_rollback(this, proposal)):
        return refused
    held = {} if proposal.order else tools.gates.held_back(unit, proposal)
    latest = candidates.latest_candidate(unit.session, channel)
    if proposal.order is None and latest and was_decided(unit, latest, this.newest, proposal, held, marks=tools.marks):
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


def _refuse_rollback(this: Round, proposal: Proposal) -> Step | None:
    """End the order of a rollback that would change packages that a curator has put on hold since."""
    in_the_way = held_among(this.unit, this.tools.channel, proposal.changes)
    if in_the_way is None or proposal.order is None:
        return None
    outcome = f"refused: {'; '.join(in_the_way)}"
    end_order(this.unit, proposal.order, OrderEnding.REFUSED, outcome)
    return Step(this.tools.channel, StepState.REFUSED, outcome)


def _nothing_to_do(this: Round, nothing: NothingToDo) -> Step:
    if nothing.state is StepState.IDLE:
        _renew_failed_builds(this)
    tests = "" if nothing.state is StepState.BUILDING else test_release(this)
    return Step(this.tools.channel, StepState.WAITING if tests else nothing.state, tests or nothing.message)


def _decided_before(this: Round, latest: Candidate, held: Mapping[str, HeldBack]) -> Step:
    """Update the excuses of the newest candidate, which has already decided what would be proposed now."""
    _renew_excuses(this, latest, held)
    _renew_failed_builds(this)
    tests = test_release(this)
    decided = f"candidate {latest.id} was {latest.state}; nothing has changed since"
    return Step(this.tools.channel, StepState.WAITING if tests else StepState.REFUSED, tests or decided)


def _renew_failed_builds(this: Round) -> None:
    tools = this.tools
    if not tools.policy.from_channel:
        tools.failed_builds.renew(this.unit, Explainer(this.unit, tools.application.logs, tools.members, {}))


def _renew_excuses(this: Round, latest: Candidate, held: Mapping[str, HeldBack]) -> None:
    """Update the excuses if the gates now return other results."""
    unit = this.unit
    standing = excuses.standing(unit.session, latest.channel)
    # The held packages are the same (`was_decided`); the reasons may be more by now.
    said = {(kept.excuse.gate, kept.excuse.reason) for kept in standing}
    if {(back.gate, back.result.reason) for back in held.values()} <= said:
        return
    found = [
        kept.excuse for kept in standing if kept.excuse.gate in _SEARCH_GATES and not _is_of_package_gate(kept.excuse)
    ]
    context = this.context(latest)
    told = this.explainer(context, this.atoms(context)).of_gates(held)
    excuses.hold_back(unit.session, latest.channel, latest.id, [*found, *told], now=unit.now)


def _is_of_package_gate(excuse: Excuse) -> bool:
    """Return whether a gate of single packages gives the same reason: packages that the signer refused wait there."""
    return excuse.gate is GateKind.SIGNER and bool(excuse.package)
