"""The events of a submitter, and of a package, as Atom feeds: the same events that webhooks get."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from fastapi.responses import Response

from farm.core.names.actor_name import token_actor
from farm.server.events import events
from web.auth import AddressHere, ApplicationHere
from web.pages.atom import CONTENT_TYPE, ENTRIES, NEVER, Entry, Feed
from web.pages.excuse_cards import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.server.events.events import Event

router = APIRouter()

Name = Annotated[str, Path(max_length=200)]


@router.get("/submitters/{name}/events.atom")
def of_submitter(application: ApplicationHere, address: AddressHere, name: Name) -> Response:
    """Return the newest events of the holder of a token of this name."""
    with application.reading() as unit:
        found = events.of_submitter(unit.session, token_actor(name), limit=ENTRIES)
    feed = _feed(application.inputs.distribution, address, f"submitters/{quote(name, safe='')}", name, found)
    return _answer(replace(feed, page=f"{address}/submissions"), found, address)


@router.get("/packages/{name:path}/events.atom")
def of_package(application: ApplicationHere, address: AddressHere, name: Name) -> Response:
    """Return the newest events about a package or recipe."""
    with application.reading() as unit:
        found = events.of_package(unit.session, name, limit=ENTRIES)
    feed = _feed(application.inputs.distribution, address, f"packages/{quote(name, safe='')}", name, found)
    return _answer(feed, found, address)


def _feed(distribution: str, address: str, about: str, name: str, found: Sequence[Event]) -> Feed:
    return Feed(
        distribution=distribution,
        title=f"{distribution}: events of {name}",
        name=f"{about}/events",
        link=f"{address}/{about}/events.atom",
        page=f"{address}/{about}",
        updated=found[0].at if found else NEVER,
    )


def _answer(feed: Feed, found: Sequence[Event], address: str) -> Response:
    document = feed.document(_entry(event, address) for event in found)
    return Response(document, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-cache"})


def _entry(event: Event, address: str) -> Entry:
    return Entry(
        title=event.title,
        name=f"event/{event.id}",
        day=event.at,
        updated=event.at,
        link=f"{address}{event.path}",
        category=event.kind,
        content=sentence(f"{event.title}: {event.detail}" if event.detail else event.title),
    )
