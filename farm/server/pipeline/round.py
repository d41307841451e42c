"""The caches that the pipeline of one channel keeps between its rounds, and the values of one round."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.policy.gates.set_gates import AbiGate, TestsGate
from farm.core.sets.members.member import is_imported
from farm.server.channels import candidates, releases
from farm.server.channels.candidates import Marks
from farm.server.pipeline.candidates.collect import Collector
from farm.server.pipeline.candidates.imports import Importer
from farm.server.pipeline.excuses.explain import Explainer
from farm.server.pipeline.excuses.failed_builds import FailedBuilds
from farm.server.pipeline.gates.gate_result import CandidateContext
from farm.server.pipeline.gates.package_gates import PackageGates
from farm.server.pipeline.members.channel_state import CandidateBase
from farm.server.pipeline.members.members import MemberCache
from farm.server.pipeline.repository.public_store import PublicStore
from farm.server.pipeline.search.earlier_evidence import EarlierEvidence
from farm.server.pipeline.search.testers import JobResults, SignedResults, Testers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.candidates.collect import Unseen
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.search.set_evaluation import TestScope
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


class ChannelTools:
    """The caches and steps of one channel. For one thread in the whole farm."""

    def __init__(
        self,
        application: Application,
        policy: ChannelPolicy,
        repository: Path,
        gates: Sequence[PackageGate],
        unseen: Unseen,
    ) -> None:
        self.application = application
        self.policy = policy
        self.members = MemberCache(application.blobs)
        self.public = PublicStore(repository, application.blobs)
        self.scope: TestScope = next((gate.of for gate in policy.gates if isinstance(gate, TestsGate)), "")
        self.compares = any(isinstance(gate, AbiGate) for gate in policy.gates)
        self.state = CandidateBase(policy, self.members, self.public, with_tests=bool(self.scope))
        self.gates = PackageGates(policy, gates, self.members)
        self.collector = Collector(policy, Importer(self.state, self.members, self.public), unseen)
        self.failed_builds = FailedBuilds(policy.name)
        self.signed_results = SignedResults(application.blobs)
        self.testers = Testers(policy.name)

    @property
    def channel(self) -> str:
        """The name of the channel."""
        return self.policy.name

    @property
    def marks(self) -> Marks:
        """The tests and testers that candidates are decided by now; without the gate of tests, no tests count."""
        return Marks(self.members.tests_mark if self.scope else 0, self.testers.mark)

    def forget(self) -> None:
        """Read everything again: the database's records of releases have been corrected."""
        self.state.forget()
        self.collector.forget()

    def load(self) -> None:
        """Read what is not in memory yet, which is slow for a big channel, before taking a lock others wait for."""
        with self.application.reading() as unit:
            self.members.renew_tests(unit)
            newest = releases.newest_release(unit.session, self.channel)
            self.state.trial(unit, newest.number if newest else 0)
            if candidate := candidates.open_candidate(unit.session, self.channel):
                for change in candidates.changes_of(unit.session, candidate.id):
                    self.state.member(unit, change.after)
        if self.scope or self.compares:
            self.testers = Testers.of(self.public.builders(), self.channel)
            self.signed_results.warn_unlisted(self.testers)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a channel within a planning transaction; `newest` is the channel's newest release."""

    tools: ChannelTools
    unit: UnitOfWork
    newest: ReleaseRecord | None

    @classmethod
    def begin(cls, tools: ChannelTools, unit: UnitOfWork) -> Round:
        """Begin a round: learn of newer tests, and look up the newest release."""
        tools.members.renew_tests(unit)
        return cls(tools, unit, releases.newest_release(unit.session, tools.channel))

    @property
    def base_number(self) -> int:
        """The number of the newest release; 0 where there is none."""
        return self.newest.number if self.newest else 0

    @property
    def results(self) -> JobResults:
        """The results of tests and comparisons that count in this transaction."""
        return JobResults(self.unit, self.tools.testers, self.tools.signed_results)

    def context(self, candidate: Candidate) -> CandidateContext:
        """Return a candidate with all that its gates read."""
        unit, tools = self.unit, self.tools
        changes = candidates.changes_of(unit.session, candidate.id)
        own = [change for change in changes if not is_imported(change.name)]
        return CandidateContext(
            candidate,
            self.newest,
            changes,
            members={change.name: tools.state.member(unit, change.after) for change in changes},
            packages={change.name: tools.members.record(unit, change.after) for change in own if change.after},
            leaving={
                change.name: tools.members.record(unit, change.before)
                for change in own
                if change.before and not change.after
            },
            trial=tools.state.trial(unit, self.base_number),
        )

    def atoms(
        self, context: CandidateContext, interface_needs: Mapping[str, Sequence[str]] = MappingProxyType({})
    ) -> tuple[Atom, ...]:
        """Compute the atoms of a candidate. Only if something is held back: a set that passes whole needs no atoms."""
        number = context.candidate.id
        atoms = self.tools.state.atoms(self.unit, number, context.trial, context.members, interface_needs)
        if any(not change.atom for change in context.changes):
            for atom in atoms:
                candidates.place_changes(self.unit.session, number, atom.names, atom=atom.key)
        return atoms

    def explainer(
        self,
        context: CandidateContext,
        atoms: Sequence[Atom],
        accepted: Mapping[str, Member | None] = MappingProxyType({}),
    ) -> Explainer:
        """Return the writer of a candidate's excuses; `accepted` are the changes that pass."""
        return Explainer(
            self.unit,
            self.tools.application.logs,
            self.tools.members,
            context,
            atoms={atom.key: atom for atom in atoms},
            earlier=EarlierEvidence(self.unit, self.tools.channel, context.trial.base, accepted),
        )
