"""The verdicts of tests, kept by the digest of the whole order: a test whose closure has not changed never runs again.

Infrastructure trouble is no verdict: the wish is made anew, a bounded number of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database import jobs, releases
from farm.database.states import ENDED, PENDING, JobKind, JobState
from farm.names import Digest, canonical_json
from farm.release.set_gates import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

    from farm.plan import TestOrder

TEST_FAILED = "test-failed"
"""The error code with which a worker reports that a test ran and failed; any other is trouble of the infrastructure."""
_MOST_TRIES = 3


class JobVerdicts:
    """Asks and answers through test jobs, inside one writing transaction, for one candidate."""

    def __init__(self, session: Session, candidate_id: int, trace: str, now: datetime) -> None:
        self._session = session
        self._candidate_id = candidate_id
        self._trace = trace
        self._now = now

    def of(self, order: TestOrder) -> Verdict:
        """Return the verdict of a test; wishes for it when nobody has. Trouble three times over counts as failed."""
        body = canonical_json(order.to_dict())
        digest = Digest.of(body)
        ended = jobs.with_subject(self._session, digest, list(ENDED))
        for job in ended:
            if job.state is JobState.SUCCEEDED:
                return Verdict(passed=True, job=job.id)
            if job.error_code == TEST_FAILED:
                return Verdict(passed=False, job=job.id, message=job.error)
        active = jobs.with_subject(self._session, digest, [*PENDING, JobState.LEASED, JobState.RUNNING])
        if active:
            releases.note_test(self._session, self._candidate_id, active[0].id)
            return Verdict(passed=None, job=active[0].id)
        if len(ended) >= _MOST_TRIES:
            last = ended[-1]
            return Verdict(passed=False, job=last.id, message=f"it could not be run {_MOST_TRIES} times: {last.error}")
        return Verdict(passed=None, job=self._wish(order, digest, body.decode()))

    def _wish(self, order: TestOrder, digest: Digest, body: str) -> int:
        name = next(each.store for each in order.closure if each.descriptor == order.subject)
        jobs.keep_test(self._session, digest, subject=order.subject, test=order.test.name, body=body)
        job = jobs.add_job(
            self._session, kind=JobKind.TEST, name=name, trace=self._trace, now=self._now, subject=digest
        )
        jobs.move(self._session, job, JobState.READY, now=self._now)
        releases.note_test(self._session, self._candidate_id, job.id)
        return job.id
