"""The second step of a round: the gates of single packages, then the search for the largest set that passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates
from farm.server.curation import orders
from farm.server.pipeline.excuses.decisions import record_gate_result
from farm.server.pipeline.gates.gate_result import atoms_held_back
from farm.server.pipeline.round_result import RoundResult
from farm.server.pipeline.search.evaluation import Evaluation
from farm.server.pipeline.search.ordered_tests import NotKnownYetError
from farm.server.pipeline.search.search import search
from farm.server.tables.pipeline_states import (
    CandidateState,
    ChangeState,
    GateState,
    OrderKind,
    RoundState,
    RunPurpose,
    RunState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.sets.members.member import Member
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.gates.gate_result import CandidateContext, HeldBack
    from farm.server.pipeline.round import Round
    from farm.server.tables.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Examination:
    """What may enter the channel, by name, with the evidence for exactly that set, and the excuses for all else."""

    context: CandidateContext
    accepted: Mapping[str, Member | None]
    evidence: Evidence | None
    excuses: Sequence[Excuse] = ()


def examine(this: Round, candidate: Candidate) -> Examination | RoundResult:
    """Ask the gates about a candidate. Returns a `RoundResult` while tests run, or if it has to be collected again."""
    context = this.context(candidate)
    held = this.tools.gates.held_now(this.unit, context)
    if held is None:
        return _supersede(this, candidate)
    try:
        return _search(this, context, held)
    except NotKnownYetError as waiting:
        return _wait(this, context, waiting)


def _search(this: Round, context: CandidateContext, held: Mapping[str, HeldBack]) -> Examination:
    """Find the largest part that passes. Raises `NotKnownYetError` while tests or comparisons run."""
    evaluation = _evaluation(this, context)
    if not held and (whole := evaluation.whole()).green:
        return Examination(context, context.members, whole.evidence)
    atoms = this.atoms(context, evaluation.interface_needs())
    blamed = atoms_held_back(atoms, held)
    found = search([atom for atom in atoms if atom.key not in blamed], evaluation.over(atoms))
    accepted = evaluation.changes_of(found.accepted)
    explainer = this.explainer(context, atoms, accepted)
    excuses = [excuse for hold in found.held.values() for excuse in explainer.held(hold)]
    names = [name for atom in atoms if atom.key in found.held for name in atom.names]
    candidates.place_changes(this.unit.session, context.candidate.id, names, state=ChangeState.HELD)
    evidence = evaluation(found.accepted, RunPurpose.SEARCH).evidence if accepted else None
    return Examination(context, accepted, evidence, [*excuses, *explainer.of_gates(held)])


def _evaluation(this: Round, context: CandidateContext) -> Evaluation:
    """Return the function that evaluates sets. A rollback is not tested or compared again: it was when it was new."""
    tools, is_rollback = this.tools, context.candidate.source.is_rollback
    order = orders.order_of(this.unit.session, context.candidate.id)
    return Evaluation(
        this.unit,
        context.candidate,
        trial=context.trial,
        cache=tools.members,
        changes=context.members,
        test_needs=tools.state.test_needs,
        results=this.results,
        scope="" if is_rollback else tools.scope,
        compares=tools.compares and not is_rollback,
        failures_since=order.at if order and order.kind is OrderKind.RETRY else None,
    )


def _supersede(this: Round, candidate: Candidate) -> RoundResult:
    reason = "a gate now holds back a package that it had let pass: the candidate is collected again"
    candidates.decide(this.unit.session, candidate.id, CandidateState.SUPERSEDED, reason=reason, now=this.unit.now)
    return RoundResult(candidate.channel, RoundState.OPEN, f"candidate {candidate.id} is superseded: {reason}")


def _wait(this: Round, context: CandidateContext, waiting: NotKnownYetError) -> RoundResult:
    candidate = context.candidate
    runs = candidates.set_runs(this.unit.session, candidate.id)
    sets = sum(run.tests > 0 for run in runs)
    summary = f"{waiting.summary} (set {sets})" if sets > 1 else waiting.summary
    if runs and runs[-1].state is RunState.PENDING:
        record_gate_result(this.unit, candidate, GateKind.PROOF, GateState.PASSED, context.trial.proof.summary)
    record_gate_result(this.unit, candidate, waiting.gate, GateState.PENDING, summary)
    return RoundResult(candidate.channel, RoundState.OPEN, f"candidate {candidate.id}: {summary}")
