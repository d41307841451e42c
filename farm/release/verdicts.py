"""The verdicts of tests, kept by the digest of the whole order: a test whose closure has not changed never runs again.

A failure counts once it has come several times in a row on the same files; one that passes in between is flaky, and
passes. Trouble of the infrastructure is never a verdict: the test is wished for again, later and later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.control.finishing import TEST_FAILED
from farm.control.requests import wish_for_test
from farm.database import candidates, flaky_tests, jobs
from farm.database.flaky_tests import FlakyTest
from farm.database.pipeline_states import RunState
from farm.database.states import ENDED, JobState
from farm.names import Digest
from farm.release.retries import trouble_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.control.desk import Desk
    from farm.database.records import Job
    from farm.plan import TestOrder

FAILURES_IN_A_ROW = 3
"""So many make a verdict: a test that fails one time in three by chance does so three times running in 27 of 1,000."""
FAILURES_IN_QUARANTINE = 7
QUARANTINE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a test went, or that this is not decided yet. `job` is where its log is.

    `flaky`: it passed, after it had failed on the same files. `trouble` says why it cannot be run at present.
    """

    state: RunState
    job: int
    message: str = ""
    flaky: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class TestOf:
    """Which test of which recipe in which version (`1.7.1-1`) an order is of: what a quarantine is kept by."""

    __test__ = False  # pytest would collect it for its name

    recipe: str
    test: str
    version: str


class JobVerdicts:
    """Asks and answers through test jobs, inside one writing transaction, for one candidate.

    `asked` counts the jobs that this candidate had not asked for before. Failures from before `since` do not count:
    a curator has asked for them to be tried anew.
    """

    def __init__(self, desk: Desk, candidate_id: int, *, since: datetime | None = None) -> None:
        self._desk = desk
        self._session = desk.session
        self._candidate_id = candidate_id
        self._now = desk.now
        self._since = since
        self._jobs: dict[Digest, list[Job]] = {}
        self._noted: set[int] | None = None
        self.asked = 0

    def look_up(self, orders: Iterable[TestOrder]) -> None:
        """Read what is on record about tests that will be asked for, all at once: one by one takes long for many."""
        digests = {Digest.of_json(order.to_dict()) for order in orders} - self._jobs.keys()
        found = jobs.of_subjects(self._session, digests)
        self._jobs |= {digest: found.get(digest, []) for digest in digests}

    def of(self, order: TestOrder, test: TestOf) -> Verdict:
        """Return the verdict of a test; wishes for it (again) where more has to be known."""
        digest = Digest.of_json(order.to_dict())
        if digest not in self._jobs:
            self.look_up([order])
        known = self._jobs[digest]
        ended = [job for job in known if job.state in ENDED]
        passed = [job for job in ended if job.state is JobState.SUCCEEDED]
        failed = [job for job in ended if job.error_code == TEST_FAILED]
        if passed and failed:
            self._quarantine(test, failed[0], passed[-1])
            return Verdict(RunState.GREEN, passed[-1].id, failed[0].error, flaky=True)
        if passed:
            return Verdict(RunState.GREEN, passed[-1].id)
        counted = [job for job in failed if not self._since or (job.finished_at and job.finished_at >= self._since)]
        if counted and len(counted) >= self._failures_wanted(test):
            return Verdict(RunState.RED, counted[-1].id, counted[-1].error)
        active = next((job for job in known if job.state not in ENDED), None)
        if active:
            self._note(active.id)
            return Verdict(RunState.PENDING, active.id, trouble=_trouble_of(active))
        trouble = [job for job in ended if job.error_code != TEST_FAILED]
        if trouble and (told := trouble_until(trouble, self._now)):
            return Verdict(RunState.PENDING, trouble[-1].id, trouble=told)
        wished = self._wish(order, test)
        known.append(wished)
        return Verdict(RunState.PENDING, wished.id)

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
        job = wish_for_test(self._desk, order, recipe=test.recipe, trace=f"candidate-{self._candidate_id}")
        self._note(job.id)
        return job

    def _note(self, job_id: int) -> None:
        if self._noted is None:
            self._noted = set(candidates.test_jobs(self._session, self._candidate_id))
        if job_id not in self._noted:
            self._noted.add(job_id)
            self.asked += candidates.note_test(self._session, self._candidate_id, job_id)


def _trouble_of(job: Job) -> str:
    """Say what a test that is not over has met that is none of its doing; empty when there was nothing."""
    if job.state is JobState.SET_ASIDE:
        return f"it was {job.error.partition(chr(10))[0]}; try it again: farm retry {job.id}"
    return f"{job.error}; it is tried again" if job.trouble else ""
