"""The page of a release: what changed against an earlier one, and its packages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.api.wire import Number
from farm.server.channels import releases
from farm.server.pipeline.candidates.imported_packages import taken_by
from farm.server.pipeline.candidates.set_changes import between
from web.auth import OfficeHere
from web.pages.candidate_view import UnblockingTests
from web.pages.rendering import PagesHere
from web.problems import NotFoundError

router = APIRouter()

_MEMBERS = 500
_CHANGES = 200


@router.get("/channels/{name}/releases/{number}")
def release_page(
    *,
    request: Request,
    office: OfficeHere,
    pages: PagesHere,
    name: str,
    number: Number,
    after: Annotated[str, Query(max_length=200)] = "",
    against: Number | None = None,
) -> HTMLResponse:
    """Show a release: what changed against the release `against`, or the one before it, and its packages."""
    with office.reading() as desk:
        release = releases.release(desk.session, name, number)
        if release is None:
            raise NotFoundError(f"The channel {name[:100]} has no release {number}.")
        base = releases.release(desk.session, name, against or number - 1) if number > 1 or against else None
        if against and base is None:
            raise NotFoundError(f"The channel {name[:100]} has no release {against}.")
        changes = between(desk, name, base.number, number, limit=_CHANGES) if base else None
        shown = releases.release_page(desk.session, name, number, after=after, limit=_MEMBERS + 1)
        newest = releases.newest_release(desk.session, name)
        taken = taken_by(desk, release)
        told = UnblockingTests.of(desk.session, release)
        total_size = releases.release_size(desk.session, name, number)
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
        told=told,
        total_size=total_size,
        members=shown[:_MEMBERS],
        following=shown[_MEMBERS - 1].name if len(shown) > _MEMBERS else "",
    )
