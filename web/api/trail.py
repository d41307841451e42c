"""The route to the audit trail: what was done and refused, and by whom. For curators and operators; read only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from farm.api.wire import Number
from farm.server.channels.channel_checks import CurationError, policy_of
from farm.server.identities import identities
from farm.server.tables.states import Role
from web.auth import ApplicationHere, Curator

router = APIRouter(prefix="/api/v1", tags=["trail"])


_TODAY = {"take up": "adopt"}
"""The words of today for actions that earlier versions recorded under another word."""


@router.get("/trail")
def trail(
    *,
    application: ApplicationHere,
    token: Curator,
    channel: str = "",
    since: datetime | None = None,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """Return lines of the audit trail, newest first. Only administrators see addresses."""
    if since is not None and since.tzinfo is None:
        raise CurationError(f"{since.isoformat()} names no time zone", remedy="Write it as 2026-12-24T12:00:00Z.")
    with application.reading() as unit:
        if channel:
            policy_of(unit, channel)
        found = identities.audit_trail(unit.session, channel=channel, since=since, before=before, limit=limit)
    lines = [
        {
            "number": number,
            "at": event.at.isoformat(),
            "by": event.actor,
            "action": _TODAY.get(event.action, event.action),
            "subject": event.subject,
            "channel": event.channel,
            "allowed": event.allowed,
            "detail": event.detail,
            **({"address": event.address} if token.role is Role.ADMIN else {}),
        }
        for number, event in found
    ]
    return {"trail": lines, "next-before": found[-1][0] if len(found) == limit else None}
