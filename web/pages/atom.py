"""Atom documents (RFC 4287): a feed and its entries, of untrusted texts. Addresses are those of the farm's settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

from farm.core.names.escaping import escape_lines
from farm.core.names.utc import utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTENT_TYPE = "application/atom+xml"
ENTRIES = 100
"""How many entries a feed has at most."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ATOM = "http://www.w3.org/2005/Atom"
# Characters that XML 1.0 cannot hold and `escape_lines` leaves: the noncharacters at the end of the BMP.
_NOT_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: `name` is what its id ends with, `link` an address, `content` plain text."""

    title: str
    name: str
    day: datetime
    updated: datetime
    link: str
    category: str
    content: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of a distribution; `link` is the address of itself, `page` that of the page for people."""

    distribution: str
    title: str
    name: str
    link: str
    page: str
    updated: datetime

    def document(self, entries: Iterable[Entry]) -> bytes:
        """Return the feed as XML."""
        feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
        _text(feed, "title", self.title)
        _text(feed, "id", self._id("2026-01-01", self.name))
        _text(feed, "updated", utc_text(self.updated))
        ET.SubElement(feed, "link", {"rel": "self", "type": CONTENT_TYPE, "href": self.link})
        ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": self.page})
        _text(ET.SubElement(feed, "author"), "name", self.distribution)
        for entry in entries:
            self._add(feed, entry)
        document: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
        return document

    def _add(self, feed: ET.Element, shown: Entry) -> None:
        entry = ET.SubElement(feed, "entry")
        _text(entry, "title", shown.title)
        _text(entry, "id", self._id(f"{shown.day:%Y-%m-%d}", shown.name))
        _text(entry, "published", utc_text(shown.day))
        _text(entry, "updated", utc_text(shown.updated))
        ET.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": shown.link})
        ET.SubElement(entry, "category", {"term": _escaped(shown.category)})
        _text(entry, "content", shown.content).set("type", "text")

    def _id(self, day: str, what: str) -> str:
        # A tag URI (RFC 4151): it stays the same if the farm moves to another address.
        return f"tag:{self.distribution},{day}:farm/{quote(what)}"


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = _escaped(text)
    return element


def _escaped(text: str) -> str:
    return _NOT_XML.sub("\ufffd", escape_lines(text))
