"""What happens to a job whose attempt met trouble that is not its own fault: it is retried, on another worker first.

The pauses between the attempts grow. A job at which several *different* workers were lost is set aside: it may have
caused the losses, which a person has to find out. It has not failed, nor has anything that needs it.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.plan.trouble import OF_ONE_WORKER
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from farm.core.plan.trouble import Trouble
    from farm.server.tables.records import Attempt, Job, Worker
    from farm.server.transaction.unit_of_work import UnitOfWork

_JITTER = 0.25
"""How much a pause is varied at random: jobs that met trouble together should not come back together."""
_ELSEWHERE = timedelta(seconds=30)
"""How long after its pause a job is only for workers without trouble at it; these ask far more often."""
_THERE = timedelta(minutes=5)
"""A worker without a request for this long counts as absent."""


def after_trouble(unit: UnitOfWork, job: Job, trouble: Trouble, *, code: str, error: str) -> None:
    """Make a job whose attempt ended in trouble ready again, or set it aside. Needs a planning transaction."""
    of_one = trouble in OF_ONE_WORKER
    lost, troubles = job.lost + of_one, job.troubles + 1
    values = {"trouble": trouble, "lost": lost, "troubles": troubles, "error_code": code, "error": error}
    tried = [attempt for attempt in attempts.attempts_of(unit.session, job.id) if attempt.trouble]
    if of_one and _has_cost_enough(unit, job, tried, lost):
        names = sorted({attempt.worker for attempt in _counted(tried, lost)})
        values["error"] = (
            f"set aside after {lost} attempts were lost, on {', '.join(names)}; the last: {error}\n"
            f"Find out why its workers are lost, then retry it: farm retry {job.id}"
        )
        jobs.move(unit.session, job, JobState.SET_ASIDE, now=unit.now, not_before=None, elsewhere_until=None, **values)
        return
    elsewhere = _others(unit, job, tried)
    # The first time, another worker may take it at once: the trouble was this one worker's.
    pause = timedelta() if of_one and elsewhere and troubles == 1 else _pause(unit, troubles)
    resumes = unit.now + pause
    jobs.move(
        unit.session,
        job,
        JobState.READY,
        now=unit.now,
        not_before=resumes if pause else None,
        elsewhere_until=resumes + _ELSEWHERE if elsewhere else None,
        **values,
    )


def taken(**more: object) -> dict[str, object]:
    """Return the values of a job that is leased or requested again: earlier trouble is reset."""
    return {"trouble": "", "not_before": None, "elsewhere_until": None, "error_code": "", "error": "", **more}


def _has_cost_enough(unit: UnitOfWork, job: Job, tried: list[Attempt], lost: int) -> bool:
    if lost < unit.lease_policy.most_lost:
        return False
    counted = _counted(tried, lost)
    different = {attempt.worker for attempt in counted}
    # On a farm with fewer workers, all of them have to be lost.
    since = min(attempt.claimed_at for attempt in counted)
    able = [worker for worker in _able(unit, job) if worker.seen_at is not None and worker.seen_at >= since]
    return len(different) >= min(unit.lease_policy.most_lost, max(len(able), 1))


def _counted(tried: list[Attempt], lost: int) -> list[Attempt]:
    """Return the lost attempts that count: those since a person last requested the job."""
    return [attempt for attempt in tried if attempt.trouble in OF_ONE_WORKER][-lost:]


def _others(unit: UnitOfWork, job: Job, tried: list[Attempt]) -> bool:
    """Return whether there is a worker for this job that has had no trouble at it."""
    met = {attempt.worker for attempt in tried}
    since = unit.now - _THERE
    return any(worker.name not in met and worker.seen_at and worker.seen_at >= since for worker in _able(unit, job))


def _able(unit: UnitOfWork, job: Job) -> list[Worker]:
    return [
        worker for worker in identities.workers(unit.session) if worker.revoked_at is None and worker.may_do(job.kind)
    ]


def _pause(unit: UnitOfWork, troubles: int) -> timedelta:
    longest = unit.lease_policy.longest_pause
    pause = min(longest, unit.lease_policy.first_pause * 2 ** min(troubles - 1, 32))
    jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # nothing secret
    return timedelta(seconds=pause.total_seconds() * jitter)
