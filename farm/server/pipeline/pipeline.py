"""The pipeline of one channel. `Pipeline.advance` is one round: collect, ask the gates, search, record, publish.

A round does what can be done now and returns; it runs on a timer and after each job. All state is in the database, so a
pipeline that is killed continues where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.wording import counted
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.proof.abi import LinkedFiles, loads_touched
from farm.core.sets.proof.test_closures import tested_names
from farm.server.channels import candidates, excuses
from farm.server.pipeline.collection import find_candidate
from farm.server.pipeline.examination import examine
from farm.server.pipeline.excuses.decisions import (
    record_freeze,
    record_gate_result,
    record_interfaces,
    recorded_halts,
    refuse,
)
from farm.server.pipeline.excuses.failed_builds import unbuilt
from farm.server.pipeline.preview_round import PreviewRound
from farm.server.pipeline.publishing.adoption import Adoption
from farm.server.pipeline.publishing.preview_publication import PreviewPublication
from farm.server.pipeline.publishing.preview_signing import PreviewSigning
from farm.server.pipeline.publishing.publish import Publication
from farm.server.pipeline.publishing.record_release import RecordedRelease, record_release
from farm.server.pipeline.round import ChannelTools, Round
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.evidence import TestEvidence
from farm.server.tables.pipeline_states import ChangeState, GateState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.core.policy.channel import ChannelPolicy
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.candidates.collect import Unseen
    from farm.server.pipeline.examination import Examination
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.repository.signer_client import Signer
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


class Pipeline:
    """Moves the packages of one channel from build to signed release. For one thread in the whole farm."""

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
        self._tools = tools = ChannelTools(application, policy, repository, gates, unseen)
        published = PreviewPublication(application, tools.public, signer)
        self._signing = PreviewSigning(published)
        self._previews = PreviewRound(tools, published, self._signing)
        self._adoption = Adoption(application, policy.name, tools.public)
        self._publication = Publication(
            application, policy.name, tools.public, signer, tools.collector.not_released, self._loading
        )

    @property
    def channel(self) -> str:
        """The name of the channel."""
        return self._tools.channel

    def advance(self) -> RoundResult:
        """Do one round towards the next release. Raises `SignerUnreachableError` without an answer: try again."""
        with recorded_halts(self._tools.application, self.channel):
            if adopted := self._adoption.adopt():
                self._tools.forget()
                return adopted
            if recorded := self._publication.unpublished():
                return self._publication.publish(recorded)
            self._tools.load()
            with self._tools.application.planning() as unit:
                this = Round.begin(self._tools, unit)
                candidate = find_candidate(this)
                if isinstance(candidate, RoundResult):
                    return candidate
                examined = examine(this, candidate)
                if isinstance(examined, RoundResult):
                    return examined
                decided = self._decide(this, examined)
                if isinstance(decided, RoundResult):
                    return decided
            return self._publication.publish(decided)

    def examine_previews(self) -> None:
        """Renew the verdicts on the previews that aim at this channel."""
        self._previews.advance()

    def sign_previews(self) -> None:
        """Have signed what `examine_previews` has prepared. For a thread of its own: the signer may be slow."""
        self._signing.sign()

    def _decide(self, this: Round, examined: Examination) -> RecordedRelease | RoundResult:
        """Record the release of what passes. A `RoundResult` if nothing passes, or if the channel is frozen."""
        unit, context, candidate = this.unit, examined.context, examined.context.candidate
        found = list(examined.excuses)
        if not this.tools.policy.from_channel:
            found += unbuilt(unit, this.tools.application.logs)
        candidates.place_changes(unit.session, candidate.id, examined.accepted, state=ChangeState.ACCEPTED)
        if not examined.accepted:
            _record_held(unit, candidate, found)
            return refuse(unit, candidate, found)
        context.trial.place(examined.accepted)
        self._record_passed(this, examined)
        if frozen := record_freeze(unit, candidate):
            return frozen
        recorded = self._record(this, examined)
        by = f"release {recorded.record.number} of {candidate.channel}"
        excuses.clear(unit.session, candidate.channel, examined.accepted, by=by, now=unit.now)
        excuses.hold_back(unit.session, candidate.channel, candidate.id, found, now=unit.now)
        return recorded

    def _record(self, this: Round, examined: Examination) -> RecordedRelease:
        tools, context, accepted = this.tools, examined.context, examined.accepted
        needs = tools.state.test_needs
        return record_release(
            this.unit,
            context,
            accepted,
            cache=tools.members,
            public=tools.public,
            with_tests=tools.policy.reads_recipes and not context.candidate.source.is_rollback,
            tested=tested_names(tools.scope, context.trial, accepted, needs) if tools.scope else (),
        )

    def _record_passed(self, this: Round, examined: Examination) -> None:
        """Record the results of the gates of sets for a set that passes."""
        unit, candidate = this.unit, examined.context.candidate
        record_gate_result(unit, candidate, GateKind.PROOF, GateState.PASSED, examined.context.trial.proof.summary)
        tests = examined.evidence if isinstance(examined.evidence, TestEvidence) else TestEvidence()
        if tests.interfaces is not None:
            record_interfaces(unit, candidate, tests.interfaces)
        if this.tools.scope:
            summary = f"{counted(tests.count, 'test')} passed" if tests.count else "no test concerns what changed"
            record_gate_result(unit, candidate, GateKind.TESTS, GateState.PASSED, summary, tests=tests)

    def _loading(self, unit: UnitOfWork, candidate: Candidate) -> list[Package]:
        """Return the own packages of a release that load what it changes, where interfaces are asked for."""
        tools = self._tools
        if not tools.compares or candidate.source.is_rollback:
            return []
        changes = {
            change.name: tools.state.member(unit, change.after)
            for change in candidates.changes_of(unit.session, candidate.id)
            if change.state is ChangeState.ACCEPTED
        }
        trial = tools.state.trial(unit, candidate.base_number)
        trial.place(changes)
        loads = loads_touched(trial, changes, trial.base, LinkedFiles())
        members = {load.dependent.name: load.dependent for load in loads if not load.dependent.imported}
        return [tools.members.record(unit, member.descriptor.digest) for _, member in sorted(members.items())]


def _record_held(unit: UnitOfWork, candidate: Candidate, found: Sequence[Excuse]) -> None:
    for gate in (GateKind.PROOF, GateKind.ABI, GateKind.TESTS):
        if held := sum(excuse.gate is gate for excuse in found):
            record_gate_result(unit, candidate, gate, GateState.FAILED, f"{counted(held, 'package')} held back")
