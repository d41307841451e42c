"""Routes to read jobs and their attempts, to cancel and to retry; jobs as the API shows them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request

from farm.api import wire
from farm.api.wire import JobWire
from farm.core.names.printed_version import FIRST_BUILD
from farm.server.jobs import attempts, job_lookups, job_requests, jobs
from farm.server.jobs.cause import cause_of
from farm.server.packages import packages
from farm.server.packages.build_numbers import numbers_of
from farm.server.submissions.job_decisions import cancel_job, retry_job
from farm.server.tables.states import JobKind, JobState, Role
from web.auth import ApplicationHere, MaintainerOrCurator, actor_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.server.tables.records import Job


router = APIRouter(prefix="/api/v1", tags=["jobs"])


@router.get("/jobs")
def page(
    application: ApplicationHere,
    *,
    before: wire.Number | None = None,
    limit: Annotated[int, Query(ge=1, le=wire.MOST_JOBS)] = 50,
    state: JobState | None = None,
    name: str | None = None,
    number: Annotated[list[wire.Number] | None, Query(max_length=wire.MOST_JOBS)] = None,
) -> wire.JobPage:
    """Return jobs, newest first; with `number`, which may be given many times, only these."""
    with application.reading() as unit:
        states = [state] if state else ()
        found = jobs.list_jobs(unit.session, before=before, limit=limit, states=states, name=name or "", numbers=number)
        forms = job_forms(unit.session, found)
    following = found[-1].id if len(found) == limit else None
    return wire.JobPage(jobs=forms, next_before=following)


@router.get("/jobs/{job_id}")
def detail(application: ApplicationHere, job_id: wire.Number) -> wire.JobDetail:
    """Return a job, its attempts, and its outputs."""
    with application.reading() as unit:
        job = jobs.find_job(unit.session, job_id)
        tries = attempts.attempts_of(unit.session, job_id)
        built = []
        if job.kind is JobKind.BUILD and job.state is JobState.SUCCEEDED and job.subject is not None:
            built = packages.packages_of_plan(unit.session, packages.kept_plan(unit.session, job.subject))
        (form,) = job_forms(unit.session, [job])
    return wire.JobDetail(
        job=form,
        attempts=tuple(map(wire.AttemptWire.model_validate, tries)),
        packages=tuple(package.digest for package in built),
    )


@router.get("/jobs/{job_id}/cause")
def cause(application: ApplicationHere, job_id: wire.Number) -> wire.JobCauseWire:
    """Return why a job exists, and which inputs of its plan differ from the build before it."""
    with application.reading() as unit:
        return wire.JobCauseWire.model_validate(cause_of(unit, jobs.find_job(unit.session, job_id)))


@router.get("/job-requests")
def requested(
    application: ApplicationHere, number: Annotated[list[wire.Number], Query(min_length=1, max_length=wire.MOST_JOBS)]
) -> wire.JobRequestPage:
    """Return who has cancelled or retried the jobs of these numbers, when and why; also by whom they were made."""
    with application.reading() as unit:
        found = job_requests.of_jobs(unit.session, number)
    kept = {(request.at, request.job, request.act): request for some in found.values() for request in some}
    return wire.JobRequestPage(requests=tuple(wire.JobRequestWire.model_validate(kept[key]) for key in sorted(kept)))


@router.post("/jobs/{job_id}/cancel")
def cancel(
    request: Request,
    application: ApplicationHere,
    token: MaintainerOrCurator,
    job_id: wire.Number,
    body: wire.JobDecisionRequest | None = None,
) -> wire.JobWire:
    """Cancel a job, with the reason in `why`; the worker that runs it stops within one heartbeat."""
    with application.planning() as unit:
        why, decides = body.why if body else "", token.role.allows(Role.CURATOR)
        job = cancel_job(unit, actor_of(request, token), job_id, why=why, decides=decides)
        (form,) = job_forms(unit.session, [job])
    return form


@router.post("/jobs/{job_id}/retry", status_code=201)
def retry(
    request: Request,
    application: ApplicationHere,
    token: MaintainerOrCurator,
    job_id: wire.Number,
    body: wire.JobDecisionRequest | None = None,
) -> wire.JobWire:
    """Make a new job for one that failed or was cancelled, or take up one that was set aside; `why` is the reason."""
    with application.planning() as unit:
        why, decides, trace = body.why if body else "", token.role.allows(Role.CURATOR), uuid.uuid4().hex
        job = retry_job(unit, actor_of(request, token), job_id, why=why, trace=trace, decides=decides)
        (form,) = job_forms(unit.session, [job])
    return form


def job_forms(session: Session, jobs: Sequence[Job]) -> tuple[JobWire, ...]:
    """Return jobs with the versions of builds that are no first builds, and the builds they were dropped for."""
    subjects = {job.subject for job in jobs if job.subject}
    numbers, dropped = numbers_of(session, subjects), packages.dropped_for(session, subjects)
    again = [job for job in jobs if job.subject and numbers.get(job.subject, FIRST_BUILD) != FIRST_BUILD]
    versions = job_lookups.versions(session, again)
    return tuple(
        JobWire.model_validate(job).model_copy(
            update={"version": versions.get(job.id, ""), "same_as": _same_as(job, dropped)}
        )
        for job in jobs
    )


def _same_as(job: Job, dropped: Mapping[Digest, str]) -> str:
    built = job.kind is JobKind.BUILD and job.state is JobState.SUCCEEDED and not job.rebuild
    return dropped.get(job.subject, "") if built and job.subject else ""
