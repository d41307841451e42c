"""Why a job exists: a submission, a dependency that was built anew, a retry, or a gate; and which inputs changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import col, select

from farm.core.comparison.inputs import input_changes
from farm.server.jobs.planning import plan_of
from farm.server.jobs.rebuild_policy import policy_in_force
from farm.server.previews.build_scope import BuildScope
from farm.server.previews.reach import reach
from farm.server.tables.job_rows import JobRow
from farm.server.tables.records import Job
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from farm.core.comparison.inputs import InputChange
    from farm.server.transaction.unit_of_work import UnitOfWork


class CauseKind(StrEnum):
    """What led to a job."""

    SUBMISSION = "submission"  # its recipe was submitted
    DEPENDENCY = "dependency"  # a recipe that it needs was built anew, and the policy rebuilds its users
    RETRY = "retry"  # the same was tried before, and did not succeed
    REPRODUCTION = "reproduction"  # another worker repeats a build, to see whether it gives the same
    GATE = "gate"  # a channel asked for a test, or for a comparison of interfaces


@dataclass(frozen=True, slots=True)
class JobCause:
    """Why a job exists.

    `because` is the build of the dependency, `policy` the policy of rebuilds that asked for this one, and empty for
    other kinds. `earlier` is the newest earlier build of the recipe that succeeded; `inputs` are those that differ from
    it, None where there is none, or where the job has no plan yet.
    """

    kind: CauseKind
    because: Job | None = None
    policy: str = ""
    earlier: Job | None = None
    inputs: tuple[InputChange, ...] | None = None


def cause_of(unit: UnitOfWork, job: Job) -> JobCause:
    """Return why a job exists."""
    if job.kind is not JobKind.BUILD:
        return JobCause(CauseKind.GATE)
    if job.rebuild:
        return JobCause(CauseKind.REPRODUCTION)
    last, earlier = _earlier(unit, job), _earlier(unit, job, JobState.SUCCEEDED)
    kind, because = CauseKind.SUBMISSION, None
    if last is not None and last.revision_id == job.revision_id:
        because = _because(unit, job)
        # A job that an earlier build answers is no further try at it: a preview was accepted, or a recipe sent again.
        again = CauseKind.SUBMISSION if job.answered_by else CauseKind.RETRY
        kind = CauseKind.DEPENDENCY if because else again
    inputs = None
    if earlier and earlier.subject and job.subject:
        inputs = input_changes(plan_of(unit, earlier.subject), plan_of(unit, job.subject))
    return JobCause(kind, because, policy_in_force(unit) if because else "", earlier, inputs)


def _earlier(unit: UnitOfWork, job: Job, state: JobState | None = None) -> Job | None:
    """Return the newest build of the recipe before a job; with `state`, of those in it."""
    query = select(JobRow).where(
        JobRow.name == job.name,
        col(JobRow.id) < job.id,
        JobRow.kind == JobKind.BUILD,
        col(JobRow.rebuild).is_(False),
        col(JobRow.preview).in_({0, job.preview}),
    )
    if state:
        query = query.where(JobRow.state == state)
    return next(iter(Job.all(unit.session, query.order_by(col(JobRow.id).desc()).limit(1))), None)


def _because(unit: UnitOfWork, job: Job) -> Job | None:
    """Return the newest build before a job, of the same trace, that made one of its needs."""
    if job.revision_id is None:
        return None
    needs = reach(BuildScope(unit, job.preview), job.revision_id, through_unbuilt=True)
    query = (
        select(JobRow)
        .where(
            JobRow.trace == job.trace,
            col(JobRow.id) < job.id,
            JobRow.kind == JobKind.BUILD,
            JobRow.state == JobState.SUCCEEDED,
            col(JobRow.name).in_(needs.built | needs.unbuilt),
        )
        .order_by(col(JobRow.id).desc())
        .limit(1)
    )
    return next(iter(Job.all(unit.session, query)), None)
