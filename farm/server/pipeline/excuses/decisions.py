"""Records the results of a candidate: what a gate returned, why it was superseded, and how it ended."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.errors import FarmError
from farm.server.channels import candidates, channel_troubles, excuses, releases
from farm.server.curation import orders
from farm.server.jobs import jobs
from farm.server.recipes import recipes
from farm.server.tables.pipeline_states import (
    CandidateState,
    ChangeState,
    GateState,
    OrderEnding,
    OrderKind,
    StepState,
)
from farm.server.transaction.text import kept_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from farm.server.channels.candidates import Candidate, Marks
    from farm.server.channels.excuses import Excuse
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.curation.orders import Order
    from farm.server.pipeline.candidates.collect import Proposal
    from farm.server.pipeline.excuses.explain import Explainer
    from farm.server.tables.evidence import InterfaceCount, TestEvidence
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


@dataclass(frozen=True, slots=True)
class Step:
    """What `advance` did; `message` describes it for people."""

    channel: str
    state: StepState
    message: str = ""


def why_superseded(unit: UnitOfWork, candidate: Candidate, newest: ReleaseRecord | None, marks: Marks) -> str:
    """Return why a candidate is superseded: by another base, other tests or testers, or a curator's order."""
    number = newest.number if newest else 0
    if candidate.base_number != number:
        return f"release {number} was published meanwhile: it is tested again on that"
    if candidate.marks.testers != marks.testers:
        return "the signed list has other testers by now: it is decided again by their results"
    if candidate.marks.tests != marks.tests:
        return "recipes with other tests were released meanwhile: it is tested again with these"
    order = orders.open_order(unit.session, candidate.channel)
    if order is not None and order.kind is not OrderKind.RETRY and order.candidate_id != candidate.id:
        return f"a {order.kind} that {order.ordered_by} ordered goes first"
    return ""


def was_decided(
    unit: UnitOfWork,
    latest: Candidate,
    newest: ReleaseRecord | None,
    proposal: Proposal,
    held: Collection[str],
    *,
    marks: Marks,
) -> bool:
    """Return whether the newest candidate has decided exactly what would be proposed now, under the present marks."""
    if latest.marks != marks or _is_asked_again(unit, latest):
        return False
    decided = candidates.changes_of(unit.session, latest.id)
    if latest.state is CandidateState.REFUSED and latest.base_number == (newest.number if newest else 0):
        left = decided
    elif latest.state is CandidateState.RELEASED and newest and newest.candidate_id == latest.id:
        left = [change for change in decided if change.state is not ChangeState.ACCEPTED]
    else:
        return False
    before = {(change.name, change.after, change.state is ChangeState.WAITING) for change in left}
    now = {(name, after, name in held) for name, (_, after) in proposal.changes.items()}
    return before == now


def _is_asked_again(unit: UnitOfWork, latest: Candidate) -> bool:
    """Return whether the signer refused a candidate as a whole, and it is time to ask again."""
    standing = excuses.standing(unit.session, latest.channel, package="")
    return any(excuse.excuse.gate is GateKind.SIGNER and _is_over(excuse.excuse, unit.now) for excuse in standing)


def _is_over(excuse: Excuse, now: datetime) -> bool:
    return excuse.until is not None and excuse.until <= now


def end_order(unit: UnitOfWork, order: Order, ending: OrderEnding, outcome: str) -> None:
    """End an order for which no candidate was opened."""
    orders.finish_order(unit.session, order.id, candidate_id=None, ending=ending, outcome=outcome, now=unit.now)


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
    told = "no interface had to be compared"
    if count.compared:
        told = f"{count.compared} interface{'s' if count.compared > 1 else ''} compared"
    if count.not_judged:
        told += f", {len(count.not_judged)} not judged: {listed(count.not_judged)}"
    record_gate_result(unit, candidate, GateKind.ABI, GateState.PASSED, told)


def record_freeze(unit: UnitOfWork, candidate: Candidate) -> Step | None:
    """Record that a channel is frozen, and return that step; None if it is not frozen, or no longer."""
    if frozen := releases.frozen(unit.session, candidate.channel, now=unit.now):
        until = f" until {frozen.until:%Y-%m-%d %H:%M} UTC" if frozen.until else ""
        message = f"{candidate.channel} is frozen{until} by {frozen.by}: {frozen.why}"
        record_gate_result(unit, candidate, GateKind.FREEZE, GateState.PENDING, message)
        return Step(candidate.channel, StepState.OPEN, message)
    if any(result.gate is GateKind.FREEZE for result in candidates.gate_results(unit.session, candidate.id)):
        record_gate_result(
            unit, candidate, GateKind.FREEZE, GateState.PASSED, f"{candidate.channel} is no longer frozen"
        )
    return None


def release_candidate(unit: UnitOfWork, candidate: Candidate, told: str) -> None:
    """End a candidate whose release is published, and with it the order that it was opened for."""
    _end(unit, candidate, CandidateState.RELEASED, OrderEnding.RELEASED, told)


def refuse(unit: UnitOfWork, candidate: Candidate, told: Sequence[Excuse]) -> Step:
    """End a candidate of which nothing is published, and with it the order that it was opened for."""
    excuses.hold_back(unit.session, candidate.channel, candidate.id, told, now=unit.now)
    reasons = "; ".join(dict.fromkeys(excuse.reason for excuse in told))
    _end(unit, candidate, CandidateState.REFUSED, OrderEnding.REFUSED, reasons)
    return Step(candidate.channel, StepState.REFUSED, f"candidate {candidate.id} is refused: {reasons}")


def _end(unit: UnitOfWork, candidate: Candidate, state: CandidateState, ending: OrderEnding, told: str) -> None:
    candidates.decide(unit.session, candidate.id, state, reason=told, now=unit.now)
    if order := orders.order_of(unit.session, candidate.id):
        outcome = f"{ending}: {told}" if told else ending
        orders.finish_order(
            unit.session, order.id, candidate_id=candidate.id, ending=ending, outcome=outcome, now=unit.now
        )


class FailedBuilds:
    """Maintains the excuses of one channel for failed builds, while no build is under way. For one thread."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._told: object = None

    def renew(self, unit: UnitOfWork, explainer: Explainer) -> None:
        """Record the failed builds as excuses of the newest candidate, and clear those that succeed by now."""
        # With no build under way, failures change only with a new job, and troubles with the time of the last one.
        mark = (jobs.newest_job(unit.session), jobs.last_trouble(unit.session), recipes.last_built(unit.session))
        latest = candidates.latest_candidate(unit.session, self._channel)
        if mark == self._told or latest is None:
            return
        standing = [excuse.excuse for excuse in excuses.standing(unit.session, self._channel)]
        told = explainer.unbuilt()
        if set(told) != {excuse for excuse in standing if excuse.gate is GateKind.BUILD}:
            others = [excuse for excuse in standing if excuse.gate is not GateKind.BUILD]
            excuses.hold_back(unit.session, self._channel, latest.id, [*others, *told], now=unit.now)
        self._told = mark


class Halts:
    """Records why one channel cannot go on, for pages and `farm channel show`. For one thread."""

    def __init__(self, application: Application, channel: str) -> None:
        self._application = application
        self._channel = channel
        self._told: str | None = None

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """A context for a step: an error is recorded, and cleared by the next step that succeeds."""
        try:
            yield
        except FarmError as error:
            self._tell(kept_error(error))
            raise
        except Exception as error:
            self._tell(f"{type(error).__name__}: the log of the control process says more.")
            raise
        self._tell("")

    def _tell(self, why: str) -> None:
        if why != self._told:
            with self._application.writing() as unit:
                channel_troubles.set_halted(unit.session, self._channel, why)
            self._told = why
