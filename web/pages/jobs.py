"""Pages of jobs: the list, and the build page with its attempts and the log of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.api.wire import Number
from farm.server.jobs import attempts, comparisons, job_lookups, job_requests, jobs, waiting
from farm.server.jobs.planning import plan_of, subject_of
from farm.server.packages import attestations, packages
from farm.server.submissions import submissions
from farm.server.tables.states import ENDED, LIVE_ATTEMPT, JobKind, JobState
from web.auth import ApplicationHere
from web.pages.job_lines import job_lines, time_of
from web.pages.log_view import error_view, log_view
from web.pages.rendering import PagesHere, asks_for_live_part, reload
from web.problems import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.plan.plan import Plan
    from farm.server.packages.attestations import Difference
    from farm.server.tables.records import Attempt, Job, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

router = APIRouter()

_PAGE = 50


@router.get("/jobs")
def job_list(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    before: Number | None = None,
    state: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    name: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """List jobs, newest first; an empty filter matches everything."""
    name = name.strip().lower()  # as every name of a recipe is
    states = [known for known in JobState if known == state]
    kinds = [known for known in JobKind if known == kind]
    if (state and not states) or (kind and not kinds):
        raise NotFoundError("There is no such state or kind of job.")
    with application.reading() as unit:
        found = jobs.list_jobs(
            unit.session, before=before, limit=_PAGE + 1, states=states, kind=kinds[0] if kinds else None, name=name
        )
        lines = job_lines(unit.session, found[:_PAGE], now=unit.now)
        # Counting reads all jobs ever made: not each time that an open page asks for its newest ones.
        counts = {} if asks_for_live_part(request) else jobs.count_jobs(unit.session)
        waiting = submissions.count_waiting(unit.session)
    chosen = {key: value for key, value in (("state", state), ("kind", kind), ("name", name)) if value}
    older = urlencode({**chosen, "before": found[_PAGE - 1].id}) if len(found) > _PAGE else ""
    return pages.page(
        request,
        "jobs.html",
        live_part="jobs_live.html",
        lines=lines,
        counts=counts,
        waiting=waiting,
        states=list(JobState),
        kinds=list(JobKind),
        chosen={"state": state, "kind": kind, "name": name},
        older=older,
        newest=urlencode(chosen),
        paged=before is not None,
    )


@router.get("/jobs/{job_id}")
def job_page(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    job_id: Number,
    attempt: Number | None = None,
    line: Number | None = None,
) -> HTMLResponse:
    """Show a job. `attempt` is the number of the attempt with the log (default: the last), `line` a line of it."""
    with application.reading() as unit:
        job = jobs.find_job(unit.session, job_id)
        view = _view(unit, job)
    chosen = _chosen(view["attempts"], attempt)
    if chosen is not None and attempt is None and asks_for_live_part(request):
        return reload()  # the page is from before the first attempt: it has no log
    here = f"/jobs/{job_id}?attempt={chosen.number}" if chosen else f"/jobs/{job_id}"
    log = None
    if chosen is not None and not asks_for_live_part(request):
        log = log_view(application.logs, pages.logs, chosen, address=f"{here}&", line=line)
    return pages.page(
        request,
        "job.html",
        live_part="job_live.html",
        address="" if job.state in ENDED else here,
        job=job,
        view=view,
        log=log,
        first_error=error_view(chosen.first_error, address=f"{here}&") if chosen and chosen.first_error else None,
        chosen=chosen,
        live=LIVE_ATTEMPT,
        ended=job.state in ENDED,
        time_of=lambda shown: time_of(shown, unit.now),
        log_size=lambda shown: application.logs.size(shown.id),
    )


def _view(unit: UnitOfWork, job: Job) -> dict[str, Any]:
    """Return what the page shows of a job besides its log.

    For a rebuild, `first` is an output of the first build of the plan, and `difference` how this build differs.
    `same_as` is a package of the earlier build for which all outputs of this one were dropped.
    """
    session = unit.session
    plan = plan_of(unit, job.subject) if job.kind is JobKind.BUILD and job.subject else None
    test = subject = None
    if job.kind is JobKind.TEST and job.subject:
        test = job_lookups.tests_of_digests(session, [job.subject]).get(job.subject)
        subject = packages.package(session, test.subject) if test else None
    recorded = packages.packages_of_plan(session, plan.digest) if plan else []
    tries = attempts.attempts_of(session, job.id)
    has_built = plan is not None and job.state is JobState.SUCCEEDED
    compares = job.kind is JobKind.COMPARISON and job.subject is not None
    return {
        "line": job_lines(session, [job], now=unit.now)[0],
        "attempts": tries,
        "requests": job_requests.of_jobs(session, [job.id]).get(job.id, ()),
        "plan": plan,
        "test": test,
        "subject": subject,
        "built": recorded if has_built else (),
        "waits_for": waiting.awaited(session, job.id) if job.state in (JobState.WAITING, JobState.BLOCKED) else (),
        "first": recorded[0] if job.rebuild and recorded else None,
        "difference": _difference(unit, plan, tries) if job.rebuild and plan else None,
        "comparison": comparisons.comparison(session, subject_of(job)) if compares else None,
        "same_as": _kept(unit, recorded) if has_built and not job.rebuild else None,
    }


def _kept(unit: UnitOfWork, built: Sequence[Package]) -> Package | None:
    dropped = next((package for package in built if package.same_as), None)
    return packages.package(unit.session, dropped.same_as) if dropped and dropped.same_as else None


def _difference(unit: UnitOfWork, plan: Plan, tries: Sequence[Attempt]) -> Difference | None:
    """Return how the result of one of these attempts differs from the first build."""
    numbers = {attempt.id for attempt in tries}
    found = attestations.differences_of(unit.session, [plan.digest]).get(plan.digest, ())
    return next((difference for difference in found if difference.attempt_id in numbers), None)


def _chosen(tries: Sequence[Attempt], number: int | None) -> Attempt | None:
    if number is None:
        return tries[-1] if tries else None
    for attempt in tries:
        if attempt.number == number:
            return attempt
    raise NotFoundError(f"This job has no attempt {number}.")
