"""Jobs as lines of a table: a job with data that its row alone does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.jobs import attempts, comparisons, job_lookups
from farm.server.packages import packages
from farm.server.tables.states import JobKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlmodel import Session

    from farm.server.tables.records import Attempt, Job


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job with its name for people, its present or last worker, and its duration so far."""

    job: Job
    title: str
    worker: str
    lasted: timedelta | None
    attempts: int


def job_lines(session: Session, jobs: Sequence[Job], *, now: datetime) -> list[JobLine]:
    """Return the lines of these jobs, in their order."""
    attempts_by_job = attempts.attempts_of_jobs(session, [job.id for job in jobs])
    versions = job_lookups.versions(session, jobs)
    tests = job_lookups.tests_of_digests(
        session, {job.subject for job in jobs if job.kind is JobKind.TEST and job.subject}
    )
    subjects = packages.by_digest(session, {test.subject for test in tests.values()})
    compared = comparisons.comparisons(
        session, {job.subject for job in jobs if job.kind is JobKind.COMPARISON and job.subject}
    )
    lines = []
    for job in jobs:
        title = f"{job.name} {versions[job.id]}" if job.id in versions else job.name
        test = tests.get(job.subject) if job.subject else None
        if test is not None:
            package = subjects.get(test.subject)
            of = f"{package.name} {package.printed_version}" if package else job.name
            title = f"{of}: {test.test}"
        if job.kind is JobKind.COMPARISON and job.subject in compared:
            title = f"{job.name}: interface of {compared[job.subject].soname}"
        tries = attempts_by_job.get(job.id, [])
        last = tries[-1] if tries else None
        lines.append(JobLine(job, title, last.worker if last else "", time_of(last, now), len(tries)))
    return lines


def time_of(attempt: Attempt | None, now: datetime) -> timedelta | None:
    """Return how long an attempt took, or has taken so far."""
    return (attempt.finished_at or now) - attempt.claimed_at if attempt else None
