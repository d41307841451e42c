"""The newest tests of a channel's packages: a submission that changes only tests is tested with the released build.

A package whose newest tests fail stays released, with an excuse until they pass or another build is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.names.wording import counted
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import excuses, releases
from farm.server.channels.excuses import Excuse
from farm.server.packages import packages
from farm.server.pipeline.search.ordered_tests import NotKnownYetError, orders_of
from farm.server.pipeline.search.verdicts import JobVerdicts
from farm.server.recipes import recipes
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.pipeline_states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.names.digest import Digest
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.round import Round
    from farm.server.tables.records import Package

_SENTENCES = 3


def test_release(this: Round) -> str:
    """Run the tests that are newer than a channel's release, and renew the excuses of packages that it holds.

    Returns the progress of the tests, empty once all have ended.
    """
    session, channel, cache = this.unit.session, this.tools.channel, this.tools.members
    seen = releases.tests_seen(session, channel)
    red = [
        kept.excuse for kept in excuses.open_excuses(session, channel) if kept.excuse.gate is GateKind.RELEASED_TESTS
    ]
    if seen >= cache.tests_mark and not red:
        return ""
    if this.tools.scope and this.newest is not None and this.newest.candidate_id is not None:
        plans = {cache.record(this.unit, excuse.digest).plan for excuse in red if excuse.digest is not None}
        try:
            found = _failed(
                this,
                this.newest,
                JobVerdicts(this.unit, this.newest.candidate_id, this.results),
                plans.union(cache.revised_since(seen)),
            )
        except NotKnownYetError as under_way:
            return f"newer tests are running on the released packages: {under_way.summary}"
        excuses.replace_released_excuses(session, channel, this.newest.candidate_id, found, now=this.unit.now)
    releases.record_tests_checked(session, channel, cache.tests_mark)
    return ""


def _failed(this: Round, newest: ReleaseRecord, verdicts: JobVerdicts, plans: Iterable[Digest]) -> list[Excuse]:
    """Return the excuses for packages of these plans whose tests fail. Raises `NotKnownYetError`."""
    trial = this.tools.state.trial(this.unit, newest.number)
    trial.place({})
    waiting, found = 0, []
    for package in _mains(this, trial, plans):
        try:
            recipe = this.tools.members.tested_recipe(this.unit, package)
        except RecipeError:  # the step library no longer supports the recipe: its tests cannot be ordered
            continue
        failed: list[FailedTest] = []
        for test, order in orders_of(this.unit, this.tools.members, trial, [(recipe, package.printed_version)]):
            verdict = verdicts.of(order, test)
            waiting += verdict.state is RunState.PENDING
            if verdict.state is RunState.RED:
                failed.append(FailedTest(test.recipe, test.test, verdict.message, verdict.job))
        if failed:
            found.append(_excuse(this, newest, package, failed))
    if waiting:
        raise NotKnownYetError(f"{counted(waiting, 'test')} of the packages of release {newest.number} still to run")
    return found


def _mains(this: Round, trial: TrialSet, plans: Iterable[Digest]) -> Iterator[Package]:
    """Yield the packages of these plans that the channel holds and that have the name of their recipe."""
    for plan in sorted(plans):
        for record in packages.packages_of_plan(this.unit.session, plan):
            member = trial.base.get(record.name)
            is_held = member is not None and member.descriptor.digest == record.digest
            if is_held and this.tools.members.revision(this.unit, record).name == record.name:
                yield record


def _excuse(this: Round, newest: ReleaseRecord, package: Package, failed: list[FailedTest]) -> Excuse:
    sentences = "; ".join(test.sentence for test in failed[:_SENTENCES])
    submission = this.tools.members.tested_revision(this.unit, package).submission
    return Excuse(
        package=package.name,
        gate=GateKind.RELEASED_TESTS,
        reason=f"it is in release {newest.number} of {newest.channel}, and its newest tests fail: {sentences}",
        digest=package.digest,
        version=package.printed_version,
        owner=recipes.submitter(this.unit.session, submission),
        job=failed[0].job,
        remedy=f"Fix {package.name} or its tests and submit it: the newest tests run automatically.",
        evidence=TestEvidence(len(failed), tuple(failed)),
    )
