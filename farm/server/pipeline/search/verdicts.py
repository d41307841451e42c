"""The verdicts of tests, stored by the digest of the whole order: a test with an unchanged closure never runs again.

A failure counts once the test has failed several times in a row on the same files; a test that passes in between is
flaky, and passes. Trouble of the infrastructure is never a verdict: the test is requested again, after growing pauses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from farm.core.names.preview_name import preview_name
from farm.core.plan.job import TestOrder
from farm.core.sets.proof.test_closures import Unrunnable
from farm.server.channels import candidates, flaky_tests
from farm.server.channels.flaky_tests import FlakyTest
from farm.server.jobs import jobs
from farm.server.jobs.job_actions import request_test
from farm.server.pipeline.search.testers import agree, attestations_of, has_result
from farm.server.tables.pipeline_states import RunState
from farm.server.tables.states import ENDED, JobState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.plan.job import TestOutcome
    from farm.server.pipeline.search.ordered_tests import TestOf
    from farm.server.pipeline.search.testers import JobResults, TesterResult
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

FAILURES_IN_A_ROW = 3
"""Failures that make a verdict: a test that fails one time in three fails three times in a row in 27 of 1,000 cases."""
FAILURES_IN_QUARANTINE = 7
QUARANTINE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """The result of a test, or that it is still open. `job` is the job with its log, None if no worker can run it.

    `flaky`: it passed after it had failed on the same files. `trouble` is why it cannot run at present. `attestations`
    are the signed results that support the verdict.
    """

    state: RunState
    job: int | None
    message: str = ""
    flaky: bool = False
    trouble: str = ""
    attestations: tuple[Digest, ...] = ()


@dataclass(slots=True)
class JobVerdicts:
    """Requests test jobs and reads their results, inside one writing transaction, for one candidate or one `preview`.

    Only the `results` that count are used, and only once as many testers agree as the channel requires. Failures from
    before `since` do not count: a curator has asked for another attempt. `asked` counts the jobs that are new to this
    candidate.
    """

    unit: UnitOfWork
    candidate_id: int | None
    results: JobResults
    since: datetime | None = None
    preview: int = 0
    asked: int = field(default=0, init=False)
    _jobs: dict[Digest, list[Job]] = field(default_factory=dict, init=False)
    _noted: set[int] | None = field(default=None, init=False)

    def look_up(self, orders: Iterable[TestOrder | Unrunnable]) -> None:
        """Read the records of tests that will be asked about, all at once: one by one is slow for many."""
        digests = {order.digest for order in orders if isinstance(order, TestOrder)} - self._jobs.keys()
        found = jobs.of_subjects(self.unit.session, digests, preview=self.preview)
        self._jobs |= {digest: found.get(digest, []) for digest in digests}
        self.results.look_up(job for known in found.values() for job in known)

    def of(self, order: TestOrder | Unrunnable, test: TestOf) -> RunVerdict:
        """Return the verdict of a test; requests a job (again) if the verdict is still open."""
        if isinstance(order, Unrunnable):
            message = f"test {test.test!r} of {test.recipe} cannot be run: {order.reason}"
            return RunVerdict(RunState.RED, None, message)
        digest = order.digest
        if digest not in self._jobs:
            self.look_up([order])
        known = self._jobs[digest]
        results = [result for job in known if has_result(job) and (result := self.results.test(job, order, digest))]
        passed = [result for result in results if result.outcome.passed]
        failed = [result for result in results if not result.outcome.passed]
        counted = [result for result in failed if self._counts(result.job)]
        needed, wanted = self.results.testers.needed, self._failures_wanted(test) if counted else 0
        if passed and agree(passed, needed):
            return self._passed(test, passed, failed)
        if counted and len(counted) >= wanted and agree(counted, needed):
            last = counted[-1]
            attested = attestations_of(counted, needed)
            return RunVerdict(RunState.RED, last.job.id, truncate_text(last.outcome.message), attestations=attested)
        # A tester that has reported enough failures adds nothing; another one is asked.
        often = Counter(result.tester for result in counted)
        answered = {result.tester for result in passed} | {tester for tester in often if often[tester] >= wanted}
        trace = f"candidate-{self.candidate_id}" if self.candidate_id is not None else preview_trace(self.preview)
        request = partial(request_test, self.unit, order, recipe=test.recipe, trace=trace, preview=self.preview)
        job, trouble = self.results.ask(known, results, answered, request)
        if job and job.state not in ENDED:
            self._note(job.id)
            trouble = trouble or _trouble_of(job)
        return RunVerdict(RunState.PENDING, job.id if job else None, trouble=trouble)

    def _passed(
        self, test: TestOf, passed: list[TesterResult[TestOutcome]], failed: list[TesterResult[TestOutcome]]
    ) -> RunVerdict:
        attested = attestations_of(passed, self.results.testers.needed)
        if not failed:
            return RunVerdict(RunState.GREEN, passed[-1].job.id, attestations=attested)
        if not self.preview:  # a stranger's files say nothing of the farm's test
            self._quarantine(test, failed[0].job, passed[-1].job)
        message = truncate_text(failed[0].outcome.message)
        return RunVerdict(RunState.GREEN, passed[-1].job.id, message, flaky=True, attestations=attested)

    def _counts(self, failed: Job) -> bool:
        return not self.since or (failed.finished_at is not None and failed.finished_at >= self.since)

    def _failures_wanted(self, test: TestOf) -> int:
        known = flaky_tests.is_quarantined(self.unit.session, test.recipe, test.test, test.version, now=self.unit.now)
        return FAILURES_IN_QUARANTINE if known else FAILURES_IN_A_ROW

    def _quarantine(self, test: TestOf, failed: Job, passed: Job) -> None:
        seen = passed.finished_at or self.unit.now
        flaky_tests.record_flaky(
            self.unit.session,
            FlakyTest(
                recipe=test.recipe,
                test=test.test,
                version=test.version,
                failed_job=failed.id,
                passed_job=passed.id,
                seen_at=seen,
                expires_at=seen + QUARANTINE,
            ),
        )

    def _note(self, job_id: int) -> None:
        if self.candidate_id is None:
            return
        if self._noted is None:
            self._noted = set(candidates.test_jobs(self.unit.session, self.candidate_id))
        if job_id not in self._noted:
            self._noted.add(job_id)
            self.asked += candidates.note_test(self.unit.session, self.candidate_id, job_id)


def preview_trace(preview: int) -> str:
    """Return the trace of the tests of a preview."""
    return preview_name(preview)


def _trouble_of(job: Job) -> str:
    """Describe trouble of an unfinished test that is not its own fault; empty if there is none."""
    if job.state is JobState.SET_ASIDE:
        return f"it was {job.error.partition(chr(10))[0]}; try it again: farm retry {job.id}"
    return f"{job.error}; it is tried again" if job.trouble else ""
