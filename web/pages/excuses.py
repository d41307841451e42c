"""The excuses of a channel for programs: as an Atom feed that a maintainer can subscribe to, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farm.database import candidates, excuses, releases
from farm.release.status import excuses_of_channel
from web.auth import OfficeHere
from web.pages.excuse_feed import Feed
from web.problems import NotFoundError

if TYPE_CHECKING:
    from sqlmodel import Session

router = APIRouter()

_ENTRIES = 100


@router.get("/channels/{name}/excuses.atom")
def feed(request: Request, office: OfficeHere, name: str) -> Response:
    """Return the newest excuses of a channel, standing and cleared, as an Atom feed."""
    with office.reading() as desk:
        _check_known(desk.session, name)
        kept = excuses.recent(desk.session, name, limit=_ENTRIES)
        latest = candidates.latest_candidate(desk.session, name)
    text = Feed(str(request.base_url), office.world.distribution, name).document(kept, latest)
    return Response(text, media_type="application/atom+xml", headers={"Cache-Control": "no-cache"})


@router.get("/channels/{name}/excuses.json")
def form(office: OfficeHere, name: str) -> dict[str, Any]:
    """Return the excuses that stand on a channel, as the API does."""
    with office.reading() as desk:
        _check_known(desk.session, name)
        return excuses_of_channel(desk.session, name)


def _check_known(session: Session, name: str) -> None:
    if name not in releases.channels(session):
        raise NotFoundError(f"There is no channel {name[:100]}.")
