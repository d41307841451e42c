"""Reading and checking advisories in the OSV format (https://ossf.github.io/osv-schema/).

Only entries of one distribution count: those whose `ecosystem` is its DNS name. They are about its own packages, by
short name, or about imported packages, by full name. Ranges are of type ECOSYSTEM, in the order of the farm's package
versions (`1.7.1-2`: version and revision).
"""

from __future__ import annotations

import json
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from farm.core.advisories.json_part import JsonPart
from farm.core.advisories.matching import Advisory, Affected, Bound, Event, EventKind
from farm.core.advisories.severity import (
    LONGEST_VECTOR,
    SCORES,
    Severity,
    severity_of_vector,
    severity_of_word,
    worst,
)
from farm.core.names.package_name import PackageName
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from datetime import datetime

LARGEST_ADVISORY = 256 * 1024

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$"


class InvalidAdvisoryError(FarmError):
    """A document is not an advisory that this distribution can use."""

    code = "invalid-advisory"

    def __init__(self, message: str, file: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, place=Place(file) if file else None)


class _Range(NamedTuple):
    """A range of versions; the events have texts by their kinds, and by `limit`."""

    type: str
    events: tuple[dict[str, str | None], ...]


class _Severity(NamedTuple):
    """A severity: as vectors, each with its kind, and as a word of the database."""

    vectors: tuple[tuple[str, str], ...]
    word: str


class _Affected(NamedTuple):
    ecosystem: str
    name: str
    ranges: tuple[_Range, ...]
    versions: tuple[str, ...]
    severity: _Severity


class _Document(NamedTuple):
    # OSV documents contain more than is read here; it is kept unchanged.
    id: str
    modified: datetime
    published: datetime | None
    withdrawn: datetime | None
    aliases: tuple[str, ...]
    summary: str
    severity: _Severity
    affected: tuple[_Affected, ...]


def _read_document(part: JsonPart) -> _Document:
    return _Document(
        id=part.text("id", pattern=_ID),
        modified=part.moment("modified"),
        published=part.moment_or_none("published"),
        withdrawn=part.moment_or_none("withdrawn"),
        aliases=part.texts("aliases", most=100, pattern=_ID),
        summary=part.text("summary", ""),
        severity=_read_severity(part),
        affected=tuple(map(_read_affected, part.parts("affected", most=1000))),
    )


def _read_affected(part: JsonPart) -> _Affected:
    package = part.part("package", required=True)
    return _Affected(
        ecosystem=package.text("ecosystem"),
        name=package.text("name"),
        ranges=tuple(map(_read_range, part.parts("ranges", most=100))),
        versions=part.texts("versions", most=1000),
        severity=_read_severity(part),
    )


def _read_severity(part: JsonPart) -> _Severity:
    vectors = tuple(
        (entry.choice("type", SCORES), entry.text("score", longest=LONGEST_VECTOR)) for entry in part.parts("severity")
    )
    return _Severity(vectors, part.part("database_specific").text("severity", ""))


def _read_range(part: JsonPart) -> _Range:
    kinds = (*get_args(EventKind), "limit")
    events = part.parts("events", least=1, most=200)
    return _Range(part.text("type"), tuple({kind: event.text_or_none(kind) for kind in kinds} for event in events))


def read_json_object(content: bytes, what: str, file: str, largest: int = LARGEST_ADVISORY) -> dict[str, Any]:
    """Return a document as plain values; raises `InvalidAdvisoryError` where it is too large or no JSON object."""
    if len(content) > largest:
        raise InvalidAdvisoryError(f"{what} has {len(content)} bytes, and {largest} is the most", file)
    try:
        form = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidAdvisoryError(f"{what} is not valid JSON: {error}", file) from error
    if not isinstance(form, dict):
        raise InvalidAdvisoryError(f"{what} is not a JSON object", file)
    return form


def read_osv(content: bytes, distribution: str, *, file: str = "") -> Advisory:
    """Read an advisory about packages of `distribution`; errors name `file`. Raises `InvalidAdvisoryError`."""
    part = JsonPart(read_json_object(content, "the advisory", file))
    document = _read_document(part)
    if part.problems:
        raise InvalidAdvisoryError(f"this is not a valid OSV advisory: {'; '.join(part.problems)}", file)
    ours = [affected for affected in document.affected if affected.ecosystem == distribution]
    if not ours:
        named = ", ".join(sorted({affected.ecosystem[:60] for affected in document.affected})) or "nothing"
        raise InvalidAdvisoryError(
            f"{document.id} affects no package of {distribution}; it speaks of {named}",
            file,
            f'Write "package": {{"ecosystem": "{distribution}", "name": NAME}}.',
        )
    try:
        affected = tuple(_affected(document, our, distribution) for our in ours)
    except FarmError as error:
        raise InvalidAdvisoryError(f"{document.id}: {error.message}", file, error.remedy) from error
    return Advisory(
        document.id,
        document.aliases,
        _plain(document.summary),
        document.published or document.modified,
        document.modified,
        document.withdrawn,
        affected,
    )


def _affected(document: _Document, affected: _Affected, distribution: str) -> Affected:
    name = PackageName.parse(affected.name, within=distribution).inside(distribution)
    if not affected.ranges and not affected.versions:
        raise FarmError(f"it names no versions of {name}", remedy="Add ranges or versions.")
    ranges = tuple(_events(name, found) for found in affected.ranges)
    versions = tuple(Bound.parse(text) for text in affected.versions)
    return Affected(name, ranges, versions, _severity(document, affected))


def _events(package: str, found: _Range) -> tuple[Event, ...]:
    if found.type != "ECOSYSTEM":
        raise FarmError(
            f"the range of {package} is of type {found.type[:40]!r}",
            remedy="Use ECOSYSTEM and versions as they are here.",
        )
    events: list[Event] = []
    for event in found.events:
        given = [Event(kind, Bound.parse(text)) for kind in get_args(EventKind) if (text := event[kind]) is not None]
        if len(given) != 1 or event["limit"] is not None:
            raise FarmError(
                f"an event of {package} should be one of introduced, fixed and last_affected",
                remedy="Write one an event.",
            )
        events += given
    if all(event.kind != "introduced" for event in events):
        raise FarmError(f"the range of {package} has no event introduced", remedy='Begin with {"introduced": "0"}.')
    return tuple(events)


def _severity(document: _Document, affected: _Affected) -> Severity:
    """Return the worst of the vectors that are nearest to the package; else the severity word of the database."""
    for vectors, word in (affected.severity, document.severity):
        if vectors:
            return worst(tuple(starmap(severity_of_vector, vectors)))
        if word:
            return severity_of_word(word)
    raise FarmError(
        "it does not say how severe it is",
        remedy='Add a CVSS vector to severity, or "database_specific": {"severity": "HIGH"}.',
    )


def _plain(text: str) -> str:
    # The text is printed in terminals and on pages.
    return "".join(character if character.isprintable() else " " for character in text).strip()
