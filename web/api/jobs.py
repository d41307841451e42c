"""Routes to look at jobs and their attempts, to cancel and to try again."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from farm.api import wire
from farm.server.jobs import attempts, jobs
from farm.server.jobs.requests import cancel, find_job, retry
from farm.server.packages import packages
from farm.server.tables.records import Token
from farm.server.tables.states import JobKind, JobState, Role
from web.api.forms import job_forms
from web.auth import ApplicationHere, note, require

router = APIRouter(prefix="/api/v1", tags=["jobs"])

Maintainer = Annotated[Token, Depends(require(Role.MAINTAINER))]


@router.get("/jobs")
def page(
    application: ApplicationHere,
    before: wire.Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    state: JobState | None = None,
    name: str | None = None,
) -> wire.JobPage:
    """Return jobs, newest first."""
    with application.reading() as unit:
        found = jobs.list_jobs(unit.session, before=before, limit=limit, state=state, name=name)
        forms = job_forms(unit.session, found)
    following = found[-1].id if len(found) == limit else None
    return wire.JobPage(jobs=forms, next_before=following)


@router.get("/jobs/{job_id}")
def detail(application: ApplicationHere, job_id: wire.Number) -> wire.JobDetail:
    """Return a job, the attempts at it, and what it put out."""
    with application.reading() as unit:
        job = find_job(unit, job_id)
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


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, application: ApplicationHere, token: Maintainer, job_id: wire.Number) -> wire.JobWire:
    """Cancel a job; a worker that is at it stops within one heartbeat."""
    with application.planning() as unit:
        job = cancel(unit, job_id, by=token.name)
    note(request, application, actor=f"token:{token.name}", subject=f"job {job_id}", trace=job.trace)
    return wire.JobWire.model_validate(job)


@router.post("/jobs/{job_id}/retry", status_code=201)
def retry_job(request: Request, application: ApplicationHere, token: Maintainer, job_id: wire.Number) -> wire.JobWire:
    """Make a new job of one that failed or was cancelled."""
    with application.planning() as unit:
        job = retry(unit, job_id, trace=uuid.uuid4().hex)
    note(request, application, actor=f"token:{token.name}", subject=f"job {job.id}", trace=job.trace)
    return wire.JobWire.model_validate(job)
