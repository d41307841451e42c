"""The newest tests of a channel's packages: a submission that changes only tests is tested with the released build.

A package whose newest tests fail stays released, with an excuse until they pass or another build is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.proof.test_closures import Unrunnable
from farm.server.channels import excuses, releases
from farm.server.channels.excuses import Excuse
from farm.server.packages import packages
from farm.server.pipeline.search.evaluation import counted
from farm.server.pipeline.search.ordered_tests import NotKnownYetError, orders_of
from farm.server.pipeline.search.verdicts import JobVerdicts, TestOf
from farm.server.recipes import recipes
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.pipeline_states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.digest import Digest
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.testers import Hearing
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork

_SENTENCES = 3


class ReleasedTests:
    """Maintains the excuses of one channel about packages that it holds. For one thread."""

    def __init__(self, channel: str, shelf: MemberCache) -> None:
        self._channel = channel
        self._shelf = shelf

    def look(
        self, unit: UnitOfWork, newest: ReleaseRecord | None, trial: TrialSet, hearing: Hearing, *, with_tests: bool
    ) -> str:
        """Run tests that are newer than the release; return their progress, empty once all have ended.

        Needs a planning transaction. `trial` holds the newest release.
        """
        seen, mark = releases.tests_seen(unit.session, self._channel), self._shelf.tests_mark
        red = [
            excuse.excuse for excuse in excuses.standing(unit.session, self._channel) if _is_of_release(excuse.excuse)
        ]
        if seen >= mark and not red:
            return ""
        if with_tests and newest is not None and newest.candidate_id is not None:
            trial.place({})
            plans = {*self._shelf.revised_since(seen), *self._plans_of(unit, red)}
            try:
                verdicts = JobVerdicts(unit, newest.candidate_id, hearing)
                found = self._tried(unit, newest, trial, plans, verdicts)
            except NotKnownYetError as under_way:
                return f"newer tests run on what the channel holds: {under_way.summary}"
            excuses.tell_of_released(unit.session, self._channel, newest.candidate_id, found, now=unit.now)
        releases.see_tests(unit.session, self._channel, mark)
        return ""

    def _plans_of(self, unit: UnitOfWork, red: Iterable[Excuse]) -> set[Digest]:
        return {self._shelf.record(unit, excuse.digest).plan for excuse in red if excuse.digest is not None}

    def _tried(
        self, unit: UnitOfWork, newest: ReleaseRecord, trial: TrialSet, plans: Iterable[Digest], verdicts: JobVerdicts
    ) -> list[Excuse]:
        """Return the excuses for packages of these plans whose tests fail. Raises `NotKnownYetError`."""
        waiting, found = 0, []
        for package in self._mains(unit, trial, plans):
            version = package.printed_version
            failed: list[FailedTest] = []
            try:
                recipe = self._shelf.tested_recipe(unit, package)
            except RecipeError:  # the step library no longer supports the recipe: its tests cannot be ordered
                continue
            for _, _, name, order in orders_of(unit, self._shelf, trial, [(recipe, version)]):
                if isinstance(order, Unrunnable):
                    failed.append(FailedTest(package.name, name, f"it cannot be run: {order.reason}"))
                    continue
                verdict = verdicts.of(order, TestOf(package.name, name, version))
                waiting += verdict.state is RunState.PENDING
                if verdict.state is RunState.RED:
                    failed.append(FailedTest(package.name, name, verdict.message, verdict.job))
            if failed:
                found.append(self._excuse(unit, newest, package, failed))
        if waiting:
            raise NotKnownYetError(f"{counted(waiting, 'test')} of what release {newest.number} holds to be done")
        return found

    def _mains(self, unit: UnitOfWork, trial: TrialSet, plans: Iterable[Digest]) -> list[Package]:
        """Return the packages of these plans that the channel holds and that have the name of their recipe."""
        records = [record for plan in sorted(plans) for record in packages.packages_of_plan(unit.session, plan)]
        return [
            record
            for record in records
            if (member := trial.base.get(record.name)) is not None
            and member.descriptor.digest == record.digest
            and self._shelf.revision(unit, record).name == record.name
        ]

    def _excuse(self, unit: UnitOfWork, newest: ReleaseRecord, package: Package, failed: list[FailedTest]) -> Excuse:
        told = [
            f"test {test.test!r} of {test.package} failed in job {test.job}: {test.message}"
            if test.job
            else f"test {test.test!r} of {test.package}: {test.message}"
            for test in failed[:_SENTENCES]
        ]
        submission = self._shelf.tested_revision(unit, package).submission
        return Excuse(
            package=package.name,
            gate=GateKind.RELEASED_TESTS,
            reason=f"release {newest.number} of {self._channel} holds it: {'; '.join(told)}",
            digest=package.digest,
            version=package.printed_version,
            owner=recipes.submitter(unit.session, submission),
            job=failed[0].job,
            remedy=f"Fix {package.name} or its tests and submit it: the newest tests are tried by themselves.",
            evidence=TestEvidence(len(failed), tuple(failed)),
        )


def _is_of_release(excuse: Excuse) -> bool:
    return excuse.gate is GateKind.RELEASED_TESTS
