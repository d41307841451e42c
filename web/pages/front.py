"""The front page: the farm, its channels, and its present work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from farm.server.channels import releases
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.tables.states import ENDED, LEASED, PENDING, JobKind
from web.auth import ApplicationHere
from web.pages.job_lines import job_lines
from web.pages.rendering import PagesHere

router = APIRouter()

# Each line of each log has an address: a crawler would never finish.
_ROBOTS = "User-agent: *\n" + "".join(f"Disallow: {path}\n" for path in ("/jobs/", "/attempts/", "/api/", "/v2/"))


@router.get("/")
def front(request: Request, application: ApplicationHere, pages: PagesHere) -> HTMLResponse:
    """Show the farm at a glance."""
    with application.reading() as unit:
        session = unit.session
        channels = [(name, releases.newest_release(session, name)) for name in releases.channels(session)]
        at_work = jobs.list_jobs(session, states=LEASED, limit=20)
        next_up = jobs.list_jobs(session, states=PENDING, limit=10)
        recent = jobs.list_jobs(session, states=ENDED, kind=JobKind.BUILD, limit=12)
        return pages.page(
            request,
            "front.html",
            live_part="front_live.html",
            channels=channels,
            packages=packages.count(session),
            at_work=job_lines(session, at_work, now=unit.now),
            next_up=job_lines(session, next_up, now=unit.now),
            recent=job_lines(session, recent, now=unit.now),
        )


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    """List the pages that crawlers should not visit."""
    return PlainTextResponse(_ROBOTS)
