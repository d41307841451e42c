"""Evaluates the sets of a candidate, each once: results are stored under the set's digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.channels import candidates
from farm.server.pipeline.search.ordered_tests import NotKnownYetError
from farm.server.pipeline.search.search import Answer
from farm.server.pipeline.search.set_evaluation import SetEvaluation
from farm.server.pipeline.search.verdicts import JobVerdicts
from farm.server.tables.pipeline_states import RunPurpose, RunState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate
    from farm.server.pipeline.members.channel_state import TestNeeds
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.set_evaluation import TestScope
    from farm.server.pipeline.search.testers import JobResults
    from farm.server.transaction.unit_of_work import UnitOfWork


class Evaluation:
    """Evaluates the sets of one candidate, within one transaction. `trial` holds the candidate's base.

    `test_needs` has the needs of the tests of the base's packages, `results` the results that count. With `compares`,
    the interfaces of libraries are compared with those that their dependents were built against. Test failures from
    before `failures_since` do not count.
    """

    def __init__(
        self,
        unit: UnitOfWork,
        candidate: Candidate,
        *,
        trial: TrialSet,
        cache: MemberCache,
        changes: Mapping[str, Member | None],
        test_needs: TestNeeds,
        results: JobResults,
        scope: TestScope,
        compares: bool = False,
        failures_since: datetime | None = None,
    ) -> None:
        self._unit = unit
        self._candidate = candidate
        self._changes = changes
        self._results = results
        self._sets = SetEvaluation(
            unit,
            trial=trial,
            cache=cache,
            changes=changes,
            test_needs=test_needs,
            results=results,
            scope=scope,
            compares=compares,
            trace=f"candidate-{candidate.id}",
        )
        self._failures_since = failures_since
        self._atoms: dict[str, Atom] = {}
        self._known = {
            run.set_digest: Answer(run.state is RunState.GREEN, run.evidence)
            for run in candidates.set_runs(unit.session, candidate.id)
            if run.state is not RunState.PENDING
        }

    def interface_needs(self) -> dict[str, tuple[str, ...]]:
        """Return which changes of the candidate need which others because of an interface.

        Raises `NotKnownYetError` while comparisons run.
        """
        interfaces = self._sets.interfaces
        return interfaces.needs(self._changes) if interfaces else {}

    def over(self, atoms: Collection[Atom]) -> Evaluation:
        """Set the atoms that can be asked about, and return this evaluation."""
        self._atoms = {atom.key: atom for atom in atoms}
        return self

    def changes_of(self, atoms: Collection[str]) -> dict[str, Member | None]:
        """Return what these atoms change."""
        return {name: self._changes[name] for atom in atoms for name in self._atoms[atom].names}

    def __call__(self, atoms: Collection[str], purpose: RunPurpose) -> Answer:
        """Return whether the base with these atoms passes. Raises `NotKnownYetError` while tests are under way."""
        return self._look(self.changes_of(atoms), len(atoms), purpose)

    def whole(self) -> Answer:
        """Return whether the base with all changes passes, before atoms are known. Raises `NotKnownYetError`."""
        return self._look(self._changes, len(self._changes), RunPurpose.SEARCH)

    def _look(self, changes: Mapping[str, Member | None], size: int, purpose: RunPurpose) -> Answer:
        digest = candidates.changes_digest(
            self._candidate.base_number,
            {name: member.descriptor.digest if member else None for name, member in changes.items()},
        )
        if digest in self._known:
            return self._known[digest]
        verdicts = JobVerdicts(self._unit, self._candidate.id, self._results, since=self._failures_since)
        try:
            answer = self._sets.evaluate(changes, verdicts)
        except NotKnownYetError:
            self._record(digest, size, purpose, verdicts.asked, None)
            raise
        self._record(digest, size, purpose, verdicts.asked, answer)
        self._known[digest] = answer
        return answer

    def _record(self, digest: Digest, size: int, purpose: RunPurpose, tests: int, answer: Answer | None) -> None:
        candidates.record_run(
            self._unit.session,
            self._candidate.id,
            digest,
            purpose=purpose,
            atoms=size,
            tests=tests,
            state=RunState.PENDING if answer is None else RunState.GREEN if answer.green else RunState.RED,
            evidence=answer.evidence if answer else None,
            now=self._unit.now,
        )
