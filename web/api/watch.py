"""The route of `farm watch`: everything of one's own, and then what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from farm.api import notification_wire, wire
from farm.errors import FarmError
from farm.server.events import changes
from farm.server.jobs import attempts, jobs
from farm.server.submissions import submissions
from farm.server.tables.states import LEASED, SubjectKind
from web.api.jobs import job_forms
from web.auth import ApplicationHere, MaintainerOrCurator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.server.events.changes import TrackedState
    from farm.server.transaction.unit_of_work import Application
    from web.watching import Watchers

router = APIRouter(prefix="/api/v1", tags=["notifications"])

_TAIL = 16 << 10
"""Bytes at the end of a log in which its step is looked for."""


@router.get("/watch")
async def watch(
    *,
    request: Request,
    application: ApplicationHere,
    token: MaintainerOrCurator,
    since: Annotated[int | None, Query(ge=0, le=wire.LARGEST_NUMBER)] = None,
    wait: Annotated[int, Query(ge=0, le=notification_wire.MOST_WAIT)] = 0,
    submission: wire.Number | None = None,
    at_work: Annotated[list[wire.Number] | None, Query(max_length=notification_wire.MOST_AT_WORK)] = None,
) -> notification_wire.WatchWire:
    """Return one's own unfinished submissions with their jobs, and packages that are held back.

    With `since`, a number of an earlier answer, only what has changed after it; up to `wait` seconds pass until
    something has. `submission` is one submission, also of another person. Jobs `at_work` are returned in any case, for
    the steps that they are at.
    """
    submitter = await run_in_threadpool(_submitter, application, token.actor, submission)
    if since is not None and wait:
        watchers: Watchers = request.app.state.watchers
        await watchers.wait(submitter, since, wait)
    return await run_in_threadpool(_answer, application, submitter, since, submission, at_work or ())


def _submitter(application: Application, caller: str, submission: int | None) -> str:
    if submission is None:
        return caller
    with application.reading() as unit:
        record = submissions.submission(unit.session, submission)
    if record is None:
        raise FarmError(f"there is no submission {submission}", remedy="See `farm submission list`.", code="not-found")
    return record.submitted_by


def _answer(
    application: Application, submitter: str, since: int | None, submission: int | None, at_work: Sequence[int]
) -> notification_wire.WatchWire:
    with application.reading() as unit:
        found = changes.followed(unit.session, submitter, now=unit.now, since=since, submission=submission)
        known = {job.id for job in found.jobs}
        others = [number for number in dict.fromkeys(at_work) if number not in known]
        listed = [*found.jobs, *(jobs.list_jobs(unit.session, numbers=others) if others else ())]
        forms = job_forms(unit.session, listed)
        leased = [job.id for job in listed if job.state in LEASED][: notification_wire.MOST_AT_WORK]
        newest = {job: tries[-1] for job, tries in attempts.attempts_of_jobs(unit.session, leased).items()}
    steps = {job: _step(application, attempt.id) for job, attempt in newest.items()}
    return notification_wire.WatchWire(
        number=found.number,
        whole=found.whole,
        more=found.more,
        submissions=tuple(_state(state) for state in found.states if state.subject is SubjectKind.SUBMISSION),
        jobs=tuple(
            notification_wire.WatchedJobWire(
                job=form, worker=newest[form.id].worker if form.id in newest else "", step=steps.get(form.id, "")
            )
            for form in forms
        ),
        packages=tuple(_state(state) for state in found.states if state.subject is SubjectKind.PACKAGE),
    )


def _step(application: Application, attempt: int) -> str:
    """Return the step of the last line of a log; empty for an empty one."""
    tail = application.logs.tail(attempt, most=_TAIL)
    return str(tail[-1].get("step", "")) if tail else ""


def _state(state: TrackedState) -> notification_wire.WatchedStateWire:
    return notification_wire.WatchedStateWire(
        state=state.state,
        since=state.since,
        submission=state.submission if state.subject is SubjectKind.SUBMISSION else None,
        package=state.package,
        channel=state.channel,
        release=state.release,
        job=state.job,
        detail=state.detail,
    )
