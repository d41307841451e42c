"""The verdicts of tests, stored by the digest of the whole order: a test with an unchanged closure never runs again.

A failure counts once the test has failed several times in a row on the same files; a test that passes in between is
flaky, and passes. Trouble of the infrastructure is never a verdict: the test is requested again, after growing pauses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.server.channels import candidates, flaky_tests
from farm.server.channels.flaky_tests import FlakyTest
from farm.server.jobs import jobs
from farm.server.jobs.finishing import TEST_FAILED
from farm.server.jobs.requests import request_test
from farm.server.pipeline.search.testers import UNSIGNED, agree, attestations_of, trouble_until
from farm.server.tables.pipeline_states import RunState
from farm.server.tables.states import ENDED, JobState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.plan.job import TestOrder, TestOutcome
    from farm.server.pipeline.search.testers import Hearing, Word
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

FAILURES_IN_A_ROW = 3
"""Failures that make a verdict: a test that fails one time in three fails three times in a row in 27 of 1,000 cases."""
FAILURES_IN_QUARANTINE = 7
QUARANTINE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Verdict:
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


@dataclass(frozen=True, slots=True)
class TestOf:
    """The test, recipe and version (`1.7.1-1`) of an order: the key of a quarantine."""

    __test__ = False  # pytest would collect it for its name

    recipe: str
    test: str
    version: str


class JobVerdicts:
    """Requests test jobs and reads their results, inside one writing transaction, for one candidate.

    Only results that `hearing` lets count are used, and only once as many testers agree as it requires. `asked` counts
    the jobs that are new to this candidate. Failures from before `since` do not count: a curator has asked for another
    attempt.
    """

    def __init__(self, unit: UnitOfWork, candidate_id: int, hearing: Hearing, *, since: datetime | None = None) -> None:
        self._unit = unit
        self._hearing = hearing
        self._session = unit.session
        self._candidate_id = candidate_id
        self._now = unit.now
        self._since = since
        self._jobs: dict[Digest, list[Job]] = {}
        self._noted: set[int] | None = None
        self.asked = 0

    def look_up(self, orders: Iterable[TestOrder]) -> None:
        """Read the records of tests that will be asked about, all at once: one by one is slow for many."""
        digests = {order.digest for order in orders} - self._jobs.keys()
        found = jobs.of_subjects(self._session, digests)
        self._jobs |= {digest: found.get(digest, []) for digest in digests}
        self._hearing.look_up(job for known in found.values() for job in known)

    def of(self, order: TestOrder, test: TestOf) -> Verdict:
        """Return the verdict of a test; requests a job (again) if the verdict is still open."""
        digest = order.digest
        if digest not in self._jobs:
            self.look_up([order])
        known = self._jobs[digest]
        words = [word for job in known if _has_result(job) and (word := self._hearing.test(job, order, digest))]
        passed = [word for word in words if word.outcome.passed]
        failed = [word for word in words if not word.outcome.passed]
        counted = [word for word in failed if self._counts(word.job)]
        needed, wanted = self._hearing.testers.needed, self._failures_wanted(test) if counted else 0
        if passed and agree(passed, needed):
            return self._passed(test, passed, failed)
        if counted and len(counted) >= wanted and agree(counted, needed):
            last = counted[-1]
            attested = attestations_of(counted, needed)
            return Verdict(RunState.RED, last.job.id, truncate_text(last.outcome.message), attestations=attested)
        # A tester that has reported enough failures adds nothing; another one is asked.
        often = Counter(word.tester for word in counted)
        heard = {word.tester for word in passed} | {each for each, times in often.items() if times >= wanted}
        return self._pending(order, test, known, self._hearing.others(heard), {word.job.id for word in words})

    def _passed(self, test: TestOf, passed: list[Word[TestOutcome]], failed: list[Word[TestOutcome]]) -> Verdict:
        attested = attestations_of(passed, self._hearing.testers.needed)
        if not failed:
            return Verdict(RunState.GREEN, passed[-1].job.id, attestations=attested)
        self._quarantine(test, failed[0].job, passed[-1].job)
        message = truncate_text(failed[0].outcome.message)
        return Verdict(RunState.GREEN, passed[-1].job.id, message, flaky=True, attestations=attested)

    def _pending(
        self, order: TestOrder, test: TestOf, known: list[Job], excluded: frozenset[str] | None, heard: set[int]
    ) -> Verdict:
        """Find or request a job for an open verdict, for workers that are not `excluded`; None excludes all of them."""
        active = next((job for job in known if job.state not in ENDED), None)
        told = "" if excluded is not None else self._hearing.why_nobody()
        if active:
            if active.state is JobState.READY and excluded is not None:
                self._hearing.keep_from(active, excluded)
            self._note(active.id)
            waits = active.state is JobState.READY and told
            return Verdict(RunState.PENDING, active.id, trouble=waits or _trouble_of(active))
        if excluded is None:
            return Verdict(RunState.PENDING, known[-1].id if known else None, trouble=told)
        vain = self._hearing.in_vain(known, heard)
        if vain and (told := trouble_until(vain, self._now, what=UNSIGNED if _has_result(vain[-1]) else "")):
            return Verdict(RunState.PENDING, vain[-1].id, trouble=told)
        wished = self._wish(order, test)
        self._hearing.keep_from(wished, excluded)
        known.append(wished)
        return Verdict(RunState.PENDING, wished.id)

    def _counts(self, failed: Job) -> bool:
        return not self._since or (failed.finished_at is not None and failed.finished_at >= self._since)

    def _failures_wanted(self, test: TestOf) -> int:
        known = flaky_tests.is_quarantined(self._session, test.recipe, test.test, test.version, now=self._now)
        return FAILURES_IN_QUARANTINE if known else FAILURES_IN_A_ROW

    def _quarantine(self, test: TestOf, failed: Job, passed: Job) -> None:
        seen = passed.finished_at or self._now
        flaky_tests.record_flaky(
            self._session,
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

    def _wish(self, order: TestOrder, test: TestOf) -> Job:
        job = request_test(self._unit, order, recipe=test.recipe, trace=f"candidate-{self._candidate_id}")
        self._note(job.id)
        return job

    def _note(self, job_id: int) -> None:
        if self._noted is None:
            self._noted = set(candidates.test_jobs(self._session, self._candidate_id))
        if job_id not in self._noted:
            self._noted.add(job_id)
            self.asked += candidates.note_test(self._session, self._candidate_id, job_id)


def _has_result(job: Job) -> bool:
    return job.state is JobState.SUCCEEDED or (job.state is JobState.FAILED and job.error_code == TEST_FAILED)


def _trouble_of(job: Job) -> str:
    """Describe trouble of an unfinished test that is not its own fault; empty if there is none."""
    if job.state is JobState.SET_ASIDE:
        return f"it was {job.error.partition(chr(10))[0]}; try it again: farm retry {job.id}"
    return f"{job.error}; it is tried again" if job.trouble else ""
