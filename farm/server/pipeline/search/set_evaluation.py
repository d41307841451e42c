"""Evaluates one set: whether the base of a channel with some changes is proven, and keeps interfaces and tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from farm.core.names.digest import Digest
from farm.core.names.wording import counted
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.test_closures import tested_names
from farm.server.pipeline.search.interfaces import Findings, Interfaces
from farm.server.pipeline.search.ordered_tests import NotKnownYetError, orders_of
from farm.server.pipeline.search.search import Answer
from farm.server.tables.evidence import FailedTest, FoundProblem, InterfaceEvidence, ProofEvidence, TestEvidence
from farm.server.tables.pipeline_states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.recipe.recipe import Recipe
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.pipeline.members.channel_state import TestNeeds
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.testers import JobResults
    from farm.server.pipeline.search.verdicts import JobVerdicts, RunVerdict
    from farm.server.tables.evidence import InterfaceCount
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork

TestScope = Literal["", "changed", "changed-and-dependents", "all"]
"""The packages whose tests run; empty for none."""


@dataclass(slots=True)
class _Tally:
    """The results of the tests of one set: their number, those that wait, and those to be reported."""

    count: int = 0
    waiting: int = 0
    trouble: str = ""
    regressions: list[FailedTest] = field(default_factory=list)
    already_red: list[FailedTest] = field(default_factory=list)
    attestations: set[Digest] = field(default_factory=set)
    flaky: list[FailedTest] = field(default_factory=list)

    @property
    def summary(self) -> str:
        tests = f"{self.count - self.waiting} of {counted(self.count, 'test')} done"
        return f"{tests}; {self.trouble}" if self.trouble else tests

    def evidence(self, interfaces: InterfaceCount | None) -> TestEvidence:
        return TestEvidence(
            self.count,
            tuple(self.regressions),
            tuple(self.already_red),
            tuple(self.flaky),
            interfaces,
            () if self.regressions else tuple(sorted(self.attestations)),
        )


class SetEvaluation:
    """Evaluates sets within one transaction: `changes` on the base that `trial` holds, or a part of them.

    `test_needs` has the needs of the tests of the base's packages, `results` the results that count. With `compares`,
    the interfaces of libraries are compared with those that their dependents were built against. Jobs are requested
    with this `trace`, for a `preview` if its number is given.
    """

    def __init__(
        self,
        unit: UnitOfWork,
        *,
        trial: TrialSet,
        cache: MemberCache,
        changes: Mapping[str, Member | None],
        test_needs: TestNeeds,
        results: JobResults,
        scope: TestScope,
        compares: bool,
        trace: str,
        preview: int = 0,
    ) -> None:
        self._unit = unit
        self._trial = trial
        self._cache = cache
        self._changes = changes
        self._test_needs = test_needs
        self._scope = scope
        self.interfaces = Interfaces(unit, trial, cache, results, trace=trace, preview=preview) if compares else None

    def evaluate(self, changes: Mapping[str, Member | None], verdicts: JobVerdicts) -> Answer:
        """Prove the base with these changes, compare its interfaces, and run its tests.

        Raises `NotKnownYetError` meanwhile.
        """
        if problems := self._trial.problems_of(changes):
            return Answer(green=False, evidence=ProofEvidence(tuple(map(_found_problem, problems))))
        interfaces = self.interfaces.compare(changes) if self.interfaces else Findings()
        if interfaces.waiting:
            raise NotKnownYetError(interfaces.summary, GateKind.ABI)
        if interfaces.changed:
            return Answer(green=False, evidence=InterfaceEvidence(tuple(interfaces.changed)))
        tally = self._test(changes, verdicts)
        # All tests of the whole set are run: the search uses the result of each.
        if tally.waiting and not (tally.regressions and len(changes) < len(self._changes)):
            raise NotKnownYetError(tally.summary)
        tally.attestations |= interfaces.attestations
        return Answer(not tally.regressions, tally.evidence(interfaces.count() if self.interfaces else None))

    def _test(self, changes: Mapping[str, Member | None], verdicts: JobVerdicts) -> _Tally:
        tally = _Tally()
        red: list[FailedTest] = []
        ordered = orders_of(self._unit, self._cache, self._trial, self._tested(changes))
        verdicts.look_up(order for _, order in ordered)
        for test, order in ordered:
            tally.count += 1
            verdict = verdicts.of(order, test)
            failure = FailedTest(test.recipe, test.test, verdict.message, verdict.job)
            tally.attestations.update(verdict.attestations)
            if verdict.state is RunState.PENDING:
                tally.waiting += 1
                tally.trouble = verdict.trouble or tally.trouble
            elif verdict.state is RunState.RED:
                red.append(failure)
            elif verdict.flaky:
                tally.flaky.append(failure)
        if red:
            self._trial.place({})
            for failure in red:
                self._judge(tally, verdicts, failure)
            self._trial.place(changes)
        return tally

    def _judge(self, tally: _Tally, verdicts: JobVerdicts, failure: FailedTest) -> None:
        """Decide whether a red test was green on the base, which is placed now: otherwise it blocks nothing."""
        before = self._on_base(failure.package, failure.test, verdicts)
        if before is None or before.state is RunState.GREEN:
            tally.regressions.append(failure)
        elif before.state is RunState.PENDING:
            tally.waiting += 1
        else:
            tally.attestations.update(before.attestations)
            tally.already_red.append(replace(failure, changed=before.message != failure.message))

    def _on_base(self, recipe_name: str, test: str, verdicts: JobVerdicts) -> RunVerdict | None:
        if recipe_name not in self._trial.base:
            return None
        package = self._record_of(self._trial.base[recipe_name])
        tested = [(self._cache.tested_recipe(self._unit, package), package.printed_version)]
        ordered = orders_of(self._unit, self._cache, self._trial, tested)
        return next((verdicts.of(order, found) for found, order in ordered if found.test == test), None)

    def _tested(self, changes: Mapping[str, Member | None]) -> Iterator[tuple[Recipe, str]]:
        """Yield the recipes whose tests the set has to pass, each with the version of its package."""
        if not self._scope:
            return
        names = tested_names(self._scope, self._trial, changes, self._test_needs)
        seen: set[str] = set()
        for name in sorted(name for name in names if not is_imported(name)):  # their own distribution tests them
            revision = self._cache.revision(self._unit, self._record_of(self._trial.members[name]))
            if revision.name not in seen and revision.name in self._trial.members:
                seen.add(revision.name)
                main = self._record_of(self._trial.members[revision.name])
                yield self._cache.tested_recipe(self._unit, main), main.printed_version

    def _record_of(self, member: Member) -> Package:
        return self._cache.record(self._unit, member.descriptor.digest)


def _found_problem(problem: Problem) -> FoundProblem:
    particulars = problem.to_dict()
    identity = Digest.of_json({"code": particulars["code"], "details": particulars["details"]})
    return FoundProblem(identity, problem.packages, problem.message)
