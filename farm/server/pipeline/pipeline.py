"""The pipeline of one channel: collect a candidate, take it through the gates, publish what passes of it.

`advance` does the next step that can be done now and returns; it is called on a timer and after each job. Everything
it knows lies in the database, so a pipeline that is killed goes on where it was.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.set_gates import AbiGate, TestsGate
from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.abi import LinkedFiles, loads_touched
from farm.core.sets.proof.test_closures import tested_names
from farm.server.channels import candidates, excuses, releases
from farm.server.channels.candidates import Marks
from farm.server.curation import orders
from farm.server.curation.ordering import held_among
from farm.server.federation import imported as foreign
from farm.server.pipeline.candidates.collect import Collector, NothingToDo, Proposal
from farm.server.pipeline.candidates.imports import Importer
from farm.server.pipeline.excuses.decisions import (
    FailedBuilds,
    Halting,
    Step,
    end_order,
    record_gate_result,
    refuse,
    say_freeze,
    say_interfaces,
    was_decided,
    why_superseded,
)
from farm.server.pipeline.excuses.explain import Explainer
from farm.server.pipeline.gates.gate_result import CandidateContext, Verdict, atoms_held_back, moving_along
from farm.server.pipeline.gates.package_gates import PackageGates
from farm.server.pipeline.members.channel_state import ChannelState
from farm.server.pipeline.members.members import MemberCache
from farm.server.pipeline.publication.publication import PublicStore
from farm.server.pipeline.publishing.adoption import TakingUp
from farm.server.pipeline.publishing.record_release import record_release
from farm.server.pipeline.publishing.sign_release import Signing, Unsigned
from farm.server.pipeline.search.earlier_evidence import EarlierEvidence
from farm.server.pipeline.search.evaluation import Evaluation, Scope, counted
from farm.server.pipeline.search.ordered_tests import NotKnownYetError
from farm.server.pipeline.search.released_tests import ReleasedTests
from farm.server.pipeline.search.search import search
from farm.server.pipeline.search.testers import Hearing, SignedResults, Testers
from farm.server.tables.evidence import TestEvidence
from farm.server.tables.pipeline_states import (
    CandidateState,
    ChangeState,
    GateState,
    OrderEnding,
    OrderKind,
    RunPurpose,
    RunState,
    StepState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import Excuse
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.candidates.collect import Unseen
    from farm.server.pipeline.gates.gate_result import HeldBack, PackageGate
    from farm.server.pipeline.publication.publication import Signer
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_SEARCH_GATES = (GateKind.PROOF, GateKind.TESTS, GateKind.BUILD, GateKind.SIGNER)


class Pipeline:
    """The way of one channel, from what is built to what is signed. For one thread in the whole farm."""

    def __init__(
        self,
        application: Application,
        policy: ChannelPolicy,
        repository: Path,
        signer: Signer,
        *,
        gates: Sequence[PackageGate] = (),
        unseen: Unseen = lambda _unit: (),
    ) -> None:
        self._application = application
        self._policy = policy
        self._shelf = MemberCache(application.blobs)
        takes_builds, transitions = not policy.from_channel, policy.transitions
        self._entrance = PackageGates(
            policy.name, gates, self._shelf, takes_builds=takes_builds, transitions=transitions
        )
        self._public = PublicStore(repository, application.blobs)
        with_tests = any(isinstance(gate, TestsGate) for gate in policy.gates)
        self._state = ChannelState(policy.name, policy.transitions, self._shelf, self._public, with_tests=with_tests)
        self._collector = Collector(policy, Importer(self._state, self._shelf, self._public), unseen)
        self._failed_builds = FailedBuilds(policy.name)
        self._released_tests = ReleasedTests(policy.name, self._shelf)
        self._compares = any(isinstance(gate, AbiGate) for gate in policy.gates)
        self._results = SignedResults(application.blobs)
        self._testers = Testers(policy.name)
        self._halting = Halting(application, policy.name)
        self._taking_up = TakingUp(application, policy.name, self._public)
        self._signing = Signing(application, policy.name, self._public, signer, self._collector.offered, self._loading)

    @property
    def channel(self) -> str:
        """The name of the channel."""
        return self._policy.name

    def advance(self) -> Step:
        """Do what can be done now. Raises `SignerUnreachableError` when the signer is away: try again."""
        with self._halting.told():
            return self._advance()

    def _advance(self) -> Step:
        channel = self._policy.name
        taken_up = self._taking_up.look()
        if taken_up is not None:
            self._state.forget()
            self._collector.forget()
            return taken_up
        unsigned = self._signing.waiting()
        if unsigned is not None:
            return self._signing.sign(unsigned)
        self._warm_up()
        with self._application.planning() as unit:
            self._shelf.renew_tests(unit)
            newest = releases.newest_release(unit.session, channel)
            candidate = candidates.open_candidate(unit.session, channel)
            if candidate is not None and (reason := why_superseded(unit, candidate, newest, self._marks)):
                candidates.decide(unit.session, candidate.id, CandidateState.SUPERSEDED, reason=reason, now=unit.now)
                candidate = None
            opened = candidate or self._collect(unit, newest)
            if isinstance(opened, Step):
                return opened
            step = self._through_the_gates(unit, self._docket(unit, opened, newest))
        return self._signing.sign(step) if isinstance(step, Unsigned) else step

    def _warm_up(self) -> None:
        """Read what is not in memory yet, which takes long for a big channel, before others have to wait for it."""
        with self._application.reading() as unit:
            self._shelf.renew_tests(unit)
            newest = releases.newest_release(unit.session, self._policy.name)
            self._state.trial(unit, newest.number if newest else 0)
            if candidate := candidates.open_candidate(unit.session, self._policy.name):
                for change in candidates.changes_of(unit.session, candidate.id):
                    self._state.member(unit, change.after)
        if self._scope() or self._compares:
            self._testers = Testers.of(self._public.builders(), self._policy.name)
            self._results.tell_unlisted(self._testers)

    def _collect(self, unit: UnitOfWork, newest: ReleaseRecord | None) -> Candidate | Step:
        """Open a candidate, unless there is nothing to change, or nothing that was not decided before."""
        channel = self._policy.name
        proposal = self._collector.propose(unit, newest)
        if isinstance(proposal, NothingToDo):
            if proposal.state is StepState.IDLE:
                self._tell_failed_builds(unit)
            told = "" if proposal.state is StepState.BUILDING else self._retest(unit, newest)
            return Step(channel, StepState.WAITING if told else proposal.state, told or proposal.message)
        if not proposal.changes and proposal.order is not None:
            outcome = f"nothing to do: {channel} holds that already"
            end_order(unit, proposal.order, OrderEnding.NOTHING_TO_DO, outcome)
            return Step(channel, StepState.IDLE, outcome)
        if proposal.source.is_rollback and (refused := self._refuse_rollback(unit, proposal)):
            return refused
        held = {} if proposal.order else self._entrance.held_back(unit, proposal)
        latest = candidates.latest_candidate(unit.session, channel)
        if proposal.order is None and latest and was_decided(unit, latest, newest, proposal, held, marks=self._marks):
            self._renew_excuses(unit, latest, held)
            self._tell_failed_builds(unit)
            told = self._retest(unit, newest)
            decided = f"candidate {latest.id} was {latest.state}; nothing has changed since"
            return Step(channel, StepState.WAITING if told else StepState.REFUSED, told or decided)
        number = newest.number if newest else 0
        opened = candidates.add_candidate(
            unit.session,
            channel,
            proposal.changes,
            base_number=number,
            source=proposal.source,
            marks=self._marks,
            now=unit.now,
        )
        foreign.pin_candidate(unit.session, opened.id, proposal.pins)
        if proposal.order is not None:
            along = self._along(unit, opened, newest, proposal)
            orders.take_order(unit.session, proposal.order.id, candidate_id=opened.id, along=along)
            held = self._entrance.held_back(unit, proposal)
        candidates.place_changes(unit.session, opened.id, held, state=ChangeState.WAITING)
        return opened

    def _along(self, unit: UnitOfWork, opened: Candidate, newest: ReleaseRecord | None, proposal: Proposal) -> set[str]:
        """Return what must move with the packages that a retry names, where a rollback keeps something from moving."""
        named = (
            proposal.order.detail.get("packages") if proposal.order and proposal.order.kind is OrderKind.RETRY else ()
        )
        if not named or not self._entrance.is_rolled_back(unit, proposal):
            return set()
        return moving_along(self._atoms(unit, self._docket(unit, opened, newest)), named)

    @property
    def _marks(self) -> Marks:
        """What is decided by other tests or testers than those of now is decided again; without the gate none count."""
        return Marks(self._shelf.tests_mark if self._scope() else 0, self._testers.mark)

    def _retest(self, unit: UnitOfWork, newest: ReleaseRecord | None) -> str:
        trial = self._state.trial(unit, newest.number if newest else 0)
        hearing = Hearing(unit, self._testers, self._results)
        return self._released_tests.look(unit, newest, trial, hearing, with_tests=bool(self._scope()))

    def _tell_failed_builds(self, unit: UnitOfWork) -> None:
        if not self._policy.from_channel:
            self._failed_builds.renew(unit, Explainer(unit, self._application.logs, self._shelf, {}))

    def _refuse_rollback(self, unit: UnitOfWork, proposal: Proposal) -> Step | None:
        """End the order of a rollback that would change what a curator has come to hold since it was given."""
        in_the_way = held_among(unit, self._policy.name, proposal.changes)
        if in_the_way is None or proposal.order is None:
            return None
        outcome = f"refused: {'; '.join(in_the_way)}"
        end_order(unit, proposal.order, OrderEnding.REFUSED, outcome)
        return Step(self._policy.name, StepState.REFUSED, outcome)

    def _renew_excuses(self, unit: UnitOfWork, latest: Candidate, held: Mapping[str, HeldBack]) -> None:
        """Let the excuses say what the gates say now, when they have come to say something else."""
        standing = excuses.standing(unit.session, latest.channel)
        kept = [
            excuse.excuse
            for excuse in standing
            if excuse.excuse.gate in _SEARCH_GATES and not _is_of_gate(excuse.excuse)
        ]
        # Which packages are held is as it was (`was_decided`); what is said of them may be more by now.
        said = {(excuse.excuse.gate, excuse.excuse.reason) for excuse in standing}
        if {(back.gate, back.result.reason) for back in held.values()} <= said:
            return
        context = self._docket(unit, latest, releases.newest_release(unit.session, latest.channel))
        atoms = self._atoms(unit, context)
        told = self._explainer(unit, context, atoms).of_gates(held)
        excuses.hold_back(unit.session, latest.channel, latest.id, [*kept, *told], now=unit.now)

    def _docket(self, unit: UnitOfWork, candidate: Candidate, base: ReleaseRecord | None) -> CandidateContext:
        changes = candidates.changes_of(unit.session, candidate.id)
        trial = self._state.trial(unit, base.number if base else 0)
        members = {change.name: self._state.member(unit, change.after) for change in changes}
        own = [change for change in changes if not is_imported(change.name)]
        packages = {each.name: self._shelf.record(unit, each.after) for each in own if each.after}
        leaving = {each.name: self._shelf.record(unit, each.before) for each in own if each.before and not each.after}
        return CandidateContext(candidate, base, changes, members, packages, leaving, trial)

    def _atoms(
        self,
        unit: UnitOfWork,
        context: CandidateContext,
        interface_needs: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> tuple[Atom, ...]:
        """Work out what moves together: only where something stays back, for a set that passes whole needs it not."""
        atoms = self._state.atoms(unit, context.candidate.id, context.trial, context.members, interface_needs)
        if any(not change.atom for change in context.changes):
            for atom in atoms:
                candidates.place_changes(unit.session, context.candidate.id, atom.names, atom=atom.key)
        return atoms

    def _explainer(
        self,
        unit: UnitOfWork,
        context: CandidateContext,
        atoms: Sequence[Atom],
        accepted: Mapping[str, Member | None] = MappingProxyType({}),
    ) -> Explainer:
        by_key = {atom.key: atom for atom in atoms}
        imported = {name: member for name, member in context.members.items() if member is not None and member.imported}
        earlier = EarlierEvidence(unit, context.candidate.channel, context.trial.base, accepted)
        return Explainer(
            unit, self._application.logs, self._shelf, context.packages, by_key, imported, context.leaving, earlier
        )

    def _through_the_gates(self, unit: UnitOfWork, context: CandidateContext) -> Step | Unsigned:
        candidate = context.candidate
        held = self._entrance.held_now(unit, context)
        if held is None:
            reason = "a gate has come to hold something back that it let pass: it is collected again"
            candidates.decide(unit.session, candidate.id, CandidateState.SUPERSEDED, reason=reason, now=unit.now)
            return Step(candidate.channel, StepState.OPEN, f"candidate {candidate.id} is superseded: {reason}")
        order = orders.order_of(unit.session, candidate.id)
        evaluation = Evaluation(
            unit,
            candidate,
            trial=context.trial,
            shelf=self._shelf,
            changes=context.members,
            test_needs=self._state.test_needs,
            hearing=Hearing(unit, self._testers, self._results),
            scope="" if candidate.source.is_rollback else self._scope(),
            compares=self._compares and not candidate.source.is_rollback,
            failures_since=order.at if order and order.kind is OrderKind.RETRY else None,
        )
        try:
            if not held and (whole := evaluation.whole()).green:
                return self._decide(unit, context, Verdict(context.members, whole.evidence), [])
            atoms = self._atoms(unit, context, evaluation.interface_needs())
            blamed = atoms_held_back(atoms, held)
            found = search([atom for atom in atoms if atom.key not in blamed], evaluation.over(atoms))
        except NotKnownYetError as waiting:
            return self._wait(unit, context, waiting)
        accepted = evaluation.changes_of(found.accepted)
        explainer = self._explainer(unit, context, atoms, accepted)
        told = [
            *(excuse for hold in found.held.values() for excuse in explainer.held(hold)),
            *explainer.of_gates(held),
        ]
        candidates.place_changes(unit.session, candidate.id, _names(atoms, found.held), state=ChangeState.HELD)
        evidence = evaluation(found.accepted, RunPurpose.SEARCH).evidence if accepted else None
        return self._decide(unit, context, Verdict(accepted, evidence), told)

    def _scope(self) -> Scope:
        for gate in self._policy.gates:
            if isinstance(gate, TestsGate):
                return gate.of
        return ""

    @property
    def _asks_recipes(self) -> bool:
        """Whether anything is decided by the newest recipes: their tests, and what they waive."""
        return any(isinstance(gate, TestsGate | HardeningGate) for gate in self._policy.gates)

    def _wait(self, unit: UnitOfWork, context: CandidateContext, waiting: NotKnownYetError) -> Step:
        candidate = context.candidate
        runs = candidates.set_runs(unit.session, candidate.id)
        sets = sum(run.tests > 0 for run in runs)
        told = f"{waiting.summary} (set {sets})" if sets > 1 else waiting.summary
        if runs and runs[-1].state is RunState.PENDING:
            record_gate_result(unit, candidate, GateKind.PROOF, GateState.PASSED, context.trial.proof.summary)
        record_gate_result(unit, candidate, waiting.gate, GateState.PENDING, told)
        return Step(candidate.channel, StepState.OPEN, f"candidate {candidate.id}: {told}")

    def _decide(
        self, unit: UnitOfWork, context: CandidateContext, verdict: Verdict, told: list[Excuse]
    ) -> Step | Unsigned:
        candidate = context.candidate
        if not self._policy.from_channel:
            told += self._explainer(unit, context, ()).unbuilt()
        candidates.place_changes(unit.session, candidate.id, verdict.accepted, state=ChangeState.ACCEPTED)
        if not verdict.accepted:
            for gate in (GateKind.PROOF, GateKind.ABI, GateKind.TESTS):
                held = sum(excuse.gate is gate for excuse in told)
                if held:
                    record_gate_result(unit, candidate, gate, GateState.FAILED, f"{counted(held, 'package')} held back")
            return refuse(unit, candidate, told)
        context.trial.place(verdict.accepted)
        record_gate_result(unit, candidate, GateKind.PROOF, GateState.PASSED, context.trial.proof.summary)
        tests = verdict.evidence if isinstance(verdict.evidence, TestEvidence) else TestEvidence()
        if tests.interfaces is not None:
            say_interfaces(unit, candidate, tests.interfaces)
        self._say_tests(unit, candidate, tests)
        if frozen := say_freeze(unit, candidate):
            return frozen
        scope = self._scope()
        record, release = record_release(
            unit,
            candidate,
            context.base,
            trial=context.trial,
            changes=verdict.accepted,
            shelf=self._shelf,
            public=self._public,
            with_tests=self._asks_recipes and not candidate.source.is_rollback,
            tested=tested_names(scope, context.trial, verdict.accepted, self._state.test_needs) if scope else (),
        )
        by = f"release {record.number} of {candidate.channel}"
        excuses.clear(unit.session, candidate.channel, verdict.accepted, by=by, now=unit.now)
        excuses.hold_back(unit.session, candidate.channel, candidate.id, told, now=unit.now)
        return Unsigned(candidate, record, release)

    def _loading(self, unit: UnitOfWork, candidate: Candidate) -> list[Package]:
        """Return the own packages of a release that load what it changes, where interfaces are asked for."""
        if not self._compares or candidate.source.is_rollback:
            return []
        changes = {
            change.name: self._state.member(unit, change.after)
            for change in candidates.changes_of(unit.session, candidate.id)
            if change.state is ChangeState.ACCEPTED
        }
        trial = self._state.trial(unit, candidate.base_number)
        trial.place(changes)
        loads = loads_touched(trial, changes, trial.base, LinkedFiles())
        members = {load.dependent.name: load.dependent for load in loads if not load.dependent.imported}
        return [self._shelf.record(unit, each.descriptor.digest) for _, each in sorted(members.items())]

    def _say_tests(self, unit: UnitOfWork, candidate: Candidate, tests: TestEvidence) -> None:
        if self._scope():
            told = f"{counted(tests.count, 'test')} passed" if tests.count else "no test concerns what changed"
            record_gate_result(unit, candidate, GateKind.TESTS, GateState.PASSED, told, tests=tests)


def _names(atoms: Sequence[Atom], keys: Mapping[str, object]) -> list[str]:
    return [name for atom in atoms if atom.key in keys for name in atom.names]


def _is_of_gate(excuse: Excuse) -> bool:
    """Say whether a gate of single packages says the same: what the signer refused waits there."""
    return excuse.gate is GateKind.SIGNER and bool(excuse.package)
