"""The excuses of a channel for programs: as an Atom feed that a maintainer can subscribe to, and as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farm.server.channels import candidates, excuses
from farm.server.channels.channel_checks import policy_of
from farm.server.pipeline.candidates.status import excuses_of_channel
from web.auth import OfficeHere
from web.pages.excuse_feed import Feed

router = APIRouter()

_ENTRIES = 100


@router.get("/channels/{name}/excuses.atom")
def feed(request: Request, office: OfficeHere, name: str) -> Response:
    """Return the newest excuses of a channel, standing and cleared, as an Atom feed."""
    with office.reading() as desk:
        policy_of(desk, name)
        kept = excuses.recent(desk.session, name, limit=_ENTRIES)
        latest = candidates.latest_candidate(desk.session, name)
    text = Feed(str(request.base_url), office.world.distribution, name).document(kept, latest)
    return Response(text, media_type="application/atom+xml", headers={"Cache-Control": "no-cache"})


@router.get("/channels/{name}/excuses.json")
def form(office: OfficeHere, name: str) -> dict[str, Any]:
    """Return the excuses that stand on a channel, as the API does."""
    with office.reading() as desk:
        policy_of(desk, name)
        return excuses_of_channel(desk.session, name)
