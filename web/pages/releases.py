"""The page of a release: what changed against an earlier one, and its packages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.api.wire import Number
from farm.server.channels import candidates, releases
from farm.server.pipeline.candidates.release_contents import between, imported_packages
from web.auth import ApplicationHere
from web.pages.candidate_view import UNBLOCKING
from web.pages.rendering import PagesHere
from web.problems import NotFoundError

router = APIRouter()

_MEMBERS = 500
_CHANGES = 200


@router.get("/channels/{name}/releases/{number}")
def release_page(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    name: str,
    number: Number,
    after: Annotated[str, Query(max_length=200)] = "",
    against: Number | None = None,
) -> HTMLResponse:
    """Show a release: what changed against the release `against`, or the one before it, and its packages."""
    with application.reading() as unit:
        release = releases.release(unit.session, name, number)
        if release is None:
            raise NotFoundError(f"The channel {name[:100]} has no release {number}.")
        base = releases.release(unit.session, name, against or number - 1) if number > 1 or against else None
        if against and base is None:
            raise NotFoundError(f"The channel {name[:100]} has no release {against}.")
        changes = between(unit, name, base.number, number, limit=_CHANGES) if base else None
        shown = releases.release_page(unit.session, name, number, after=after, limit=_MEMBERS + 1)
        newest = releases.newest_release(unit.session, name)
        taken = imported_packages(unit, release)
        unblocking = candidates.unblocking_tests(unit.session, release.candidate_id, limit=UNBLOCKING)
        total_size = releases.release_size(unit.session, name, number)
    return pages.page(
        request,
        "release.html",
        channel=name,
        release=release,
        base=base,
        against=against,
        newest=newest,
        changes=changes,
        taken=taken,
        unblocking=unblocking,
        total_size=total_size,
        members=shown[:_MEMBERS],
        following=shown[_MEMBERS - 1].name if len(shown) > _MEMBERS else "",
    )
