"""The excuses of a channel for programs: as an Atom feed that a maintainer can subscribe to, and as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farm.server.channels import candidates, excuses
from farm.server.channels.channel_checks import policy_of
from farm.server.pipeline.candidates.status import excuses_of_channel
from web.auth import ApplicationHere
from web.pages.excuse_feed import Feed

router = APIRouter()

_ENTRIES = 100


@router.get("/channels/{name}/excuses.atom")
def feed(request: Request, application: ApplicationHere, name: str) -> Response:
    """Return the newest excuses of a channel, standing and cleared, as an Atom feed."""
    with application.reading() as unit:
        policy_of(unit, name)
        kept = excuses.recent(unit.session, name, limit=_ENTRIES)
        latest = candidates.latest_candidate(unit.session, name)
    text = Feed(str(request.base_url), application.world.distribution, name).document(kept, latest)
    return Response(text, media_type="application/atom+xml", headers={"Cache-Control": "no-cache"})


@router.get("/channels/{name}/excuses.json")
def form(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the excuses that stand on a channel, as the API does."""
    with application.reading() as unit:
        policy_of(unit, name)
        return excuses_of_channel(unit.session, name)
