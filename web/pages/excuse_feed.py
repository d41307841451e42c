"""The excuses of a channel for programs: as JSON, and as an Atom feed (RFC 4287) whose entries change when cleared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farm.core.names.escaping import inert_lines
from farm.core.names.utc import utc_text
from farm.core.policy.gate_kind import GateKind, gate_key
from farm.server.channels import candidates, excuses
from farm.server.channels.channel_checks import policy_of
from farm.server.pipeline.candidates.status import excuses_of_channel
from web.auth import ApplicationHere
from web.pages.excuse_cards import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.server.channels.candidates import Candidate
    from farm.server.channels.excuses import KeptExcuse


_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Characters that XML 1.0 cannot hold and `inert_lines` leaves: the noncharacters at the end of the BMP.
_NOT_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed of a channel of a distribution; `base` is the address of the farm, with a slash at its end."""

    base: str
    distribution: str
    channel: str

    def document(self, kept: Sequence[KeptExcuse], latest: Candidate | None) -> bytes:
        """Return the feed as XML; `latest` is the time of the feed if the channel never had an excuse."""
        page = f"{self.base}channels/{quote(self.channel, safe='')}"
        feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
        _text(feed, "title", f"{self.distribution}: held back from {self.channel}")
        _text(feed, "id", self._id("2026-01-01", f"channel/{self.channel}/excuses"))
        looked_at = [latest.created_at] if latest else []
        _text(feed, "updated", utc_text(max([*map(_updated, kept), *looked_at], default=_NEVER)))
        ET.SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{page}/excuses.atom"})
        ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": page})
        _text(ET.SubElement(feed, "author"), "name", self.distribution)
        for excuse in kept:
            self._entry(feed, excuse, page)
        document: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
        return document

    def _entry(self, feed: ET.Element, kept: KeptExcuse, page: str) -> None:
        excuse = kept.excuse
        package = kept.subject
        if excuse.gate is GateKind.RELEASED_TESTS:
            how = f"the newest tests of {package} fail on {self.channel}"
        else:
            still = "is" if kept.cleared_at is None else "is no longer"
            how = f"{package} {still} held back from {self.channel} by {gate_key(excuse.gate)}"
        title = how if kept.cleared_at is None else f"cleared: {how}"
        entry = ET.SubElement(feed, "entry")
        _text(entry, "title", title)
        _text(entry, "id", self._id(f"{kept.since:%Y-%m-%d}", f"excuse/{kept.id}"))
        _text(entry, "published", utc_text(kept.since))
        _text(entry, "updated", utc_text(_updated(kept)))
        ET.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": f"{page}#excuse-{kept.id}"})
        ET.SubElement(entry, "category", {"term": _inert(excuse.gate)})
        content = _text(entry, "content", "\n".join(_paragraphs(kept)))
        content.set("type", "text")

    def _id(self, day: str, what: str) -> str:
        # A tag URI (RFC 4151): it stays the same if the farm moves to another address.
        return f"tag:{self.distribution},{day}:farm/{quote(what)}"


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


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = _inert(text)
    return element


def _inert(text: str) -> str:
    return _NOT_XML.sub("\ufffd", inert_lines(text))


router = APIRouter()

_ENTRIES = 100


@router.get("/channels/{name}/excuses.atom")
def feed(request: Request, application: ApplicationHere, name: str) -> Response:
    """Return the newest excuses of a channel, open and cleared, as an Atom feed."""
    with application.reading() as unit:
        policy_of(unit, name)
        kept = excuses.recent(unit.session, name, limit=_ENTRIES)
        latest = candidates.latest_candidate(unit.session, name)
    text = Feed(str(request.base_url), application.inputs.distribution, name).document(kept, latest)
    return Response(text, media_type="application/atom+xml", headers={"Cache-Control": "no-cache"})


@router.get("/channels/{name}/excuses.json")
def form(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the open excuses of a channel, as the API does."""
    with application.reading() as unit:
        policy_of(unit, name)
        return excuses_of_channel(unit.session, name)
