"""Pages of submissions: the list, and one with its recipes, their signatures, and the owners it waits for."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.api.submission_wire import OUTCOMES
from farm.api.wire import Number
from farm.server.git.recipe_commits import commits_of
from farm.server.jobs import attempts, jobs
from farm.server.submissions import submissions
from farm.server.submissions.owners import ownership
from farm.server.submissions.pending_submissions import find_submission, view_submissions
from farm.server.tables.states import SubmissionState
from web.auth import ApplicationHere
from web.pages.job_lines import job_lines
from web.pages.rendering import PagesHere
from web.problems import NotFoundError

router = APIRouter()

_PAGE = 50
_ROWS = 500


@router.get("/submissions")
def submission_list(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    before: Number | None = None,
    state: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """List submissions, newest first, or those in one state."""
    wanted = next((known for known in SubmissionState if known == state), None)
    if state and wanted is None:
        raise NotFoundError("There is no such state of a submission.")
    with application.reading() as unit:
        found = submissions.list_submissions(unit.session, state=wanted, before=before, limit=_PAGE + 1)
        views = view_submissions(unit, found[:_PAGE])
        said = ownership(unit.session)
    chosen = {"state": state} if state else {}
    return pages.page(
        request,
        "submissions.html",
        views=views,
        outcomes=OUTCOMES,
        states=list(SubmissionState),
        chosen=state,
        troubles=said.troubles if said else (),
        older=urlencode({**chosen, "before": found[_PAGE - 1].id}) if len(found) > _PAGE else "",
        paged=before is not None,
        newest=urlencode(chosen),
    )


@router.get("/submissions/{number}")
def submission_page(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    number: Number,
    before: Number | None = None,
    after: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show a submission: of many recipes those `after` one in the alphabet, of many jobs those `before` one."""
    with application.reading() as unit:
        view = find_submission(unit, number)
        found = jobs.list_jobs(unit.session, submission=number, before=before, limit=_ROWS + 1)
        commits = commits_of(unit.session, [number]).get(number, {})
        findings = view.verdict.findings if view.verdict else ()
        failed = {finding.job for finding in findings if finding.job is not None and not finding.passed}
        errors = {number: attempts.first_error_of(unit.session, number) for number in failed}
        lines = job_lines(unit.session, found[:_ROWS], now=unit.now)
    named = [recipe for recipe in view.recipes if recipe.name > after]
    return pages.page(
        request,
        "submission.html",
        view=view,
        outcome=OUTCOMES.get(view.progress.state, "") if view.progress else "",
        waits={unsigned.recipe: unsigned.owners for unsigned in view.waits_for},
        recipes=named[:_ROWS],
        more_recipes=urlencode({"after": named[_ROWS - 1].name}) if len(named) > _ROWS else "",
        errors=errors,
        lines=lines,
        more_jobs=urlencode({"before": found[_ROWS - 1].id}) if len(found) > _ROWS else "",
        paged=before is not None or bool(after),
        commits=commits,
    )
