"""The excuses of a channel for programs: as JSON, and as an Atom feed whose entries change when they are cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from farm.core.names.utc import utc_text
from farm.core.policy.gate_kind import GateKind, gate_key
from farm.server.channels import candidates, excuses
from farm.server.channels.channel_checks import policy_of
from farm.server.pipeline.candidates.status import excuses_of_channel
from web.auth import AddressHere, ApplicationHere
from web.pages.atom import CONTENT_TYPE, ENTRIES, NEVER, Entry, Feed
from web.pages.excuse_cards import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from farm.server.channels.excuses import KeptExcuse


def _entry(kept: KeptExcuse, channel: str, page: str) -> Entry:
    excuse, package = kept.excuse, kept.subject
    if excuse.gate is GateKind.RELEASED_TESTS:
        how = f"the newest tests of {package} fail on {channel}"
    else:
        still = "is" if kept.cleared_at is None else "is no longer"
        how = f"{package} {still} held back from {channel} by {gate_key(excuse.gate)}"
    return Entry(
        title=how if kept.cleared_at is None else f"cleared: {how}",
        name=f"excuse/{kept.id}",
        day=kept.since,
        updated=_updated(kept),
        # The page shows the open ones.
        link=f"{page}#excuse-{kept.id}" if kept.cleared_at is None else page,
        category=excuse.gate,
        content="\n".join(_paragraphs(kept)),
    )


def _paragraphs(kept: KeptExcuse) -> Iterator[str]:
    excuse = kept.excuse
    yield sentence(excuse.reason)
    if excuse.root and excuse.root != excuse.package:
        yield f"Caused by {excuse.root}."
    if excuse.partners:
        yield f"{excuse.package} breaks only with {_listed(excuse.partners)}."
    if excuse.owner:
        yield f"Owner: {excuse.owner}."
    if excuse.job or excuse.line:
        yield f"Log{f' of job {excuse.job}' if excuse.job else ''}: {excuse.line}"
    if kept.cleared_at is not None:
        yield f"Cleared by {kept.cleared_by}."
        return
    if excuse.remedy:
        yield f"Remedy: {sentence(excuse.remedy)}"
    if excuse.until:
        yield f"It clears automatically at {utc_text(excuse.until)}."
    if kept.retry_command:
        yield f"Retry: {kept.retry_command} (needs the role {kept.retry_role})"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)


def _updated(kept: KeptExcuse) -> datetime:
    return kept.cleared_at or kept.since


router = APIRouter()


@router.get("/channels/{name}/excuses.atom")
def feed(application: ApplicationHere, address: AddressHere, name: str) -> Response:
    """Return the newest excuses of a channel, open and cleared, as an Atom feed."""
    with application.reading() as unit:
        policy_of(unit, name)
        kept = excuses.recent(unit.session, name, limit=ENTRIES)
        latest = candidates.latest_candidate(unit.session, name)
    looked_at = [latest.created_at] if latest else []
    page = f"{address}/channels/{quote(name, safe='')}"
    feed = Feed(
        distribution=application.inputs.distribution,
        title=f"{application.inputs.distribution}: held back from {name}",
        name=f"channel/{name}/excuses",
        link=f"{page}/excuses.atom",
        page=page,
        updated=max([*map(_updated, kept), *looked_at], default=NEVER),
    )
    document = feed.document(_entry(excuse, name, page) for excuse in kept)
    return Response(document, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-cache"})


@router.get("/channels/{name}/excuses.json")
def form(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the open excuses of a channel, as the API does."""
    with application.reading() as unit:
        policy_of(unit, name)
        return excuses_of_channel(unit.session, name)
