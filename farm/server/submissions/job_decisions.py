"""Cancels and retries jobs for people: only for those who may decide about them, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from farm.core.names.actor_name import token_actor, token_name
from farm.errors import FarmError
from farm.server.channels.channel_checks import LONGEST_REASON
from farm.server.identities.access import audit
from farm.server.jobs import job_actions, job_requests, jobs
from farm.server.jobs.job_requests import JobRequest
from farm.server.submissions import submissions
from farm.server.submissions.owners import owners_as_known
from farm.server.submissions.previewing import check_may_build_again
from farm.server.tables.recipe_rows import RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.server.tables.states import JobAct
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from farm.server.identities.access import Actor
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork


def cancel_job(unit: UnitOfWork, actor: Actor, job_id: int, *, why: str, decides: bool) -> Job:
    """Cancel a job that has not ended; `decides` says whether the actor may decide about everybody's jobs.

    Needs a planning transaction. Raises `FarmError` (`unknown-job`, `forbidden`), `JobStateError`.
    """
    reason = _reason(why)
    _check_may_decide(unit, actor, jobs.find_job(unit.session, job_id), decides=decides)
    job = job_actions.cancel(unit, job_id, by=actor.name, why=reason)
    _keep(unit, actor, JobAct.CANCEL, job_id, why=reason)
    return job


def retry_job(unit: UnitOfWork, actor: Actor, job_id: int, *, why: str, trace: str, decides: bool) -> Job:
    """Retry a job that failed, was cancelled or was set aside; returns the job that is carried out.

    Needs a planning transaction. Raises `FarmError` (`unknown-job`, `forbidden`, `preview-quota`), `JobStateError`.
    """
    before = jobs.find_job(unit.session, job_id)
    _check_may_decide(unit, actor, before, decides=decides)
    if before.preview:
        check_may_build_again(unit, before)
    job = job_actions.retry(unit, job_id, trace=trace)
    _keep(unit, actor, JobAct.RETRY, job_id, why=_reason(why), made=job.id)
    return job


def _reason(why: str) -> str:
    """Return a reason as it is stored; empty from programs that give none."""
    return truncate_text(why.strip(), longest=LONGEST_REASON)


def _keep(unit: UnitOfWork, actor: Actor, act: JobAct, job_id: int, *, why: str, made: int | None = None) -> None:
    request = JobRequest(job=job_id, act=act, by=actor.name, why=why, at=unit.now, made=made)
    job_requests.keep(unit.session, request)
    audit(unit, actor, f"{act}-job", f"job {job_id}", why)


def _check_may_decide(unit: UnitOfWork, actor: Actor, job: Job, *, decides: bool) -> None:
    """Raise `FarmError` (`forbidden`) unless the actor submitted the job or its recipe, owns that, or `decides`.

    An owner is known by the name of the token, which an administrator gave.
    """
    if decides:
        return
    owners = owners_as_known(unit)
    persons = [token_actor(owner) for owner in (owners.owners_of(job.name) if owners else ())]
    submitters = _submitters(unit, job)
    if actor.name not in (*submitters, *persons):
        who = " or ".join(token_name(name) for name in sorted({*submitters, *persons}))
        raise FarmError(
            f"job {job.id} ({job.name}) is not yours to decide about",
            remedy=f"Ask {who + ', or ' if who else ''}a curator or an administrator of the farm.",
            code="forbidden",
        )


def _submitters(unit: UnitOfWork, job: Job) -> set[str]:
    """Return the submitters of the job and of the current revision of its recipe."""
    found = set()
    if job.submission is not None and (record := submissions.submission(unit.session, job.submission)):
        found.add(record.submitted_by)
    query = (
        select(SubmissionRow.submitted_by)
        .join(RecipeRevisionRow, col(RecipeRevisionRow.submission_id) == col(SubmissionRow.id))
        .join(RecipeRow, col(RecipeRow.current_id) == col(RecipeRevisionRow.id))
        .where(RecipeRow.name == job.name)
    )
    return found | set(unit.session.exec(query))
