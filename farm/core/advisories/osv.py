"""Reading and checking advisories in the OSV format (https://ossf.github.io/osv-schema/).

Only entries of one distribution count: those whose `ecosystem` is its DNS name. They are about its own packages, by
short name, or about imported packages, by full name. Ranges are of type ECOSYSTEM, in the order of the farm's package
versions (`1.7.1-2`: version and revision).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from farm.core.advisories.json_part import JsonPart
from farm.core.advisories.matching import Advisory, Affected, Bound, Event, EventKind
from farm.core.advisories.severity import (
    LONGEST_VECTOR,
    SCORES,
    InvalidSeverityError,
    Severity,
    severity_of_vector,
    severity_of_word,
    worst,
)
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.version import InvalidVersionError
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


class _Score(NamedTuple):
    type: str
    score: str


class _Event(NamedTuple):
    introduced: str | None
    fixed: str | None
    last_affected: str | None
    limit: str | None


class _Range(NamedTuple):
    type: str
    events: tuple[_Event, ...]


class _Severity(NamedTuple):
    """A severity: as vectors, and as a word of the database."""

    scores: tuple[_Score, ...]
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
    scores = tuple(
        _Score(entry.choice("type", SCORES), entry.text("score", longest=LONGEST_VECTOR))
        for entry in part.parts("severity")
    )
    return _Severity(scores, part.part("database_specific").text("severity", ""))


def _read_range(part: JsonPart) -> _Range:
    events = tuple(
        _Event(*map(event.text_or_none, _Event._fields)) for event in part.parts("events", least=1, most=200)
    )
    return _Range(part.text("type"), events)


def read_json_object(content: bytes, what: str, file: str, largest: int = LARGEST_ADVISORY) -> dict[str, Any]:
    """Return a document as plain values; raises `InvalidAdvisoryError` where it is too large or no JSON object."""
    if len(content) > largest:
        raise InvalidAdvisoryError(f"{what} has {len(content)} bytes, and {largest} is the most", file)
    try:
        form = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidAdvisoryError(f"{what} is no JSON: {error}", file) from error
    if not isinstance(form, dict):
        raise InvalidAdvisoryError(f"{what} is no JSON object", file)
    return form


def read_osv(content: bytes, distribution: str, *, file: str = "") -> Advisory:
    """Read an advisory about packages of `distribution`; errors name `file`. Raises `InvalidAdvisoryError`."""
    part = JsonPart(read_json_object(content, "the advisory", file))
    document = _read_document(part)
    if part.problems:
        raise InvalidAdvisoryError(f"this is no advisory in OSV's form: {'; '.join(part.problems)}", file)
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
    except (InvalidVersionError, InvalidPackageNameError, InvalidSeverityError) as error:
        raise InvalidAdvisoryError(f"{document.id}: {error.message}", file, error.remedy) from error
    except _NotUsableError as error:
        raise InvalidAdvisoryError(f"{document.id}: {error}", file, error.remedy) from error
    return Advisory(
        document.id,
        document.aliases,
        _plain(document.summary),
        document.published or document.modified,
        document.modified,
        document.withdrawn,
        affected,
    )


class _NotUsableError(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def _affected(document: _Document, affected: _Affected, distribution: str) -> Affected:
    name = PackageName.parse(affected.name, within=distribution).inside(distribution)
    if not affected.ranges and not affected.versions:
        raise _NotUsableError(f"it names no versions of {name}", "Add ranges or versions.")
    ranges = tuple(_events(name, found) for found in affected.ranges)
    versions = tuple(Bound.parse(text) for text in affected.versions)
    return Affected(name, ranges, versions, _severity(document, affected))


def _events(package: str, found: _Range) -> tuple[Event, ...]:
    if found.type != "ECOSYSTEM":
        raise _NotUsableError(
            f"the range of {package} is of type {found.type[:40]!r}", "Use ECOSYSTEM and versions as they are here."
        )
    events: list[Event] = []
    for event in found.events:
        texts: dict[EventKind, str | None] = {
            "introduced": event.introduced,
            "fixed": event.fixed,
            "last_affected": event.last_affected,
        }
        said = [Event(kind, Bound.parse(text)) for kind, text in texts.items() if text is not None]
        if len(said) != 1 or event.limit is not None:
            raise _NotUsableError(
                f"an event of {package} should be one of introduced, fixed and last_affected", "Write one an event."
            )
        events += said
    if all(event.kind != "introduced" for event in events):
        raise _NotUsableError(f"the range of {package} has no event introduced", 'Begin with {"introduced": "0"}.')
    return tuple(events)


def _severity(document: _Document, affected: _Affected) -> Severity:
    """Return the worst of the vectors that are nearest to the package; else the severity word of the database."""
    for scores, word in (affected.severity, document.severity):
        if scores:
            return worst(tuple(severity_of_vector(score.type, score.score) for score in scores))
        if word:
            return severity_of_word(word)
    raise _NotUsableError(
        "it does not say how severe it is",
        'Add a CVSS vector to severity, or "database_specific": {"severity": "HIGH"}.',
    )


def _plain(text: str) -> str:
    # The text is printed in terminals and on pages.
    return "".join(character if character.isprintable() else " " for character in text).strip()
