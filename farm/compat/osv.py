"""Reading advisories in OSV's form (https://ossf.github.io/osv-schema/), checked.

Only entries of one distribution count: those whose `ecosystem` is its DNS name. They are about its own packages, by
short name, or about such that it takes of others, by full name. Ranges are of type ECOSYSTEM, in the order of versions
that packages have here (`1.7.1-2`: version and revision).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from farm.compat.advisories import Advisory, Affected, Bound, Event, EventKind
from farm.compat.severity import InvalidSeverityError, Severity, severity_of_vector, severity_of_word, worst
from farm.errors import FarmError, Place
from farm.names import InvalidPackageNameError, InvalidVersionError, PackageName

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LARGEST_ADVISORY = 256 * 1024

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$")]
_Line = Annotated[str, Field(max_length=1000)]


class InvalidAdvisoryError(FarmError):
    """A document is no advisory that this distribution can use."""

    code = "invalid-advisory"

    def __init__(self, message: str, file: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, place=Place(file) if file else None)


class _Part(BaseModel):
    # OSV's documents carry more than is read here; it is kept as it is.
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Score(_Part):
    type: Literal["CVSS_V2", "CVSS_V3", "CVSS_V4"]
    score: Annotated[str, Field(max_length=500)]


class _Event(_Part):
    introduced: _Line | None = None
    fixed: _Line | None = None
    last_affected: _Line | None = None
    limit: _Line | None = None


class _Range(_Part):
    type: str
    events: Annotated[tuple[_Event, ...], Field(min_length=1, max_length=200)]


class _Package(_Part):
    ecosystem: _Line
    name: _Line


class _Words(_Part):
    severity: _Line = ""


class _Affected(_Part):
    package: _Package
    severity: tuple[_Score, ...] = ()
    ranges: Annotated[tuple[_Range, ...], Field(max_length=100)] = ()
    versions: Annotated[tuple[_Line, ...], Field(max_length=1000)] = ()
    database_specific: _Words = _Words()


class _Document(_Part):
    id: _Id
    modified: AwareDatetime
    published: AwareDatetime | None = None
    withdrawn: AwareDatetime | None = None
    aliases: Annotated[tuple[_Id, ...], Field(max_length=100)] = ()
    summary: _Line = ""
    severity: tuple[_Score, ...] = ()
    affected: Annotated[tuple[_Affected, ...], Field(max_length=1000)] = ()
    database_specific: _Words = _Words()


def read_json_object(content: bytes, what: str, file: str, largest: int = LARGEST_ADVISORY) -> dict[str, Any]:
    """Return a document as plain values; raises `InvalidAdvisoryError` for one that is too large or no JSON object."""
    if len(content) > largest:
        raise InvalidAdvisoryError(f"{what} has {len(content)} bytes, and {largest} is the most", file)
    try:
        form = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidAdvisoryError(f"{what} is no JSON: {error}", file) from error
    if not isinstance(form, dict):
        raise InvalidAdvisoryError(f"{what} is no JSON object", file)
    return form


def problems_of(error: ValidationError) -> str:
    """Return what pydantic found, in one line for each place."""
    every = error.errors(include_url=False, include_input=False)
    # A list whose one member is wrong is also said to be too short: what is wrong lies in the member.
    below = {each["loc"][:depth] for each in every for depth in range(len(each["loc"]))}
    found = [each for each in every if each["loc"] not in below]
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])} {_told(each)}" for each in found[:20])


def _told(problem: ErrorDetails) -> str:
    """Return in the words of whoever writes a document what is wrong at a place of it."""
    bounds: dict[str, Any] = problem.get("ctx", {})
    words = {
        "missing": "is missing",
        "too_short": f"needs at least {bounds.get('min_length')}, and has {bounds.get('actual_length')}",
        "too_long": f"has too many: {bounds.get('max_length')} are the most",
        "string_too_short": f"needs at least {bounds.get('min_length')} characters",
        "string_too_long": f"is too long: {bounds.get('max_length')} characters are the most",
        "string_type": "should be text",
        "tuple_type": "should be a list",
        "model_type": "should be an object",
        "literal_error": f"should be {bounds.get('expected')}",
        "string_pattern_mismatch": f"should be written as {bounds.get('pattern')}",
        "timezone_aware": "names no time zone: write it as 2026-11-20T10:00:00Z",
    }
    kind = problem["type"]
    if kind.startswith("datetime"):
        return "should be a time: write it as 2026-11-20T10:00:00Z"
    return words.get(kind, f"is not in order: {problem['msg']}")


def read_osv(content: bytes, distribution: str, *, file: str = "") -> Advisory:
    """Read an advisory about packages of `distribution`; `file` is named in errors. Raises `InvalidAdvisoryError`."""
    try:
        document = _Document.model_validate(read_json_object(content, "the advisory", file))
    except ValidationError as error:
        raise InvalidAdvisoryError(f"this is no advisory in OSV's form: {problems_of(error)}", file) from error
    ours = [each for each in document.affected if each.package.ecosystem == distribution]
    if not ours:
        named = ", ".join(sorted({each.package.ecosystem[:60] for each in document.affected})) or "nothing"
        raise InvalidAdvisoryError(
            f"{document.id} affects no package of {distribution}; it speaks of {named}",
            file,
            f'Write "package": {{"ecosystem": "{distribution}", "name": NAME}}.',
        )
    try:
        affected = tuple(_affected(document, each, distribution) for each in ours)
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


def _affected(document: _Document, each: _Affected, distribution: str) -> Affected:
    name = PackageName.parse(each.package.name, within=distribution).inside(distribution)
    if not each.ranges and not each.versions:
        raise _NotUsableError(f"it names no versions of {name}", "Add ranges or versions.")
    ranges = tuple(_events(name, found) for found in each.ranges)
    versions = tuple(Bound.parse(text) for text in each.versions)
    return Affected(name, ranges, versions, _severity(document, each))


def _events(package: str, found: _Range) -> tuple[Event, ...]:
    if found.type != "ECOSYSTEM":
        raise _NotUsableError(
            f"the range of {package} is of type {found.type[:40]!r}", "Use ECOSYSTEM and versions as they are here."
        )
    events: list[Event] = []
    for each in found.events:
        texts: dict[EventKind, str | None] = {
            "introduced": each.introduced,
            "fixed": each.fixed,
            "last_affected": each.last_affected,
        }
        said = [Event(kind, Bound.parse(text)) for kind, text in texts.items() if text is not None]
        if len(said) != 1 or each.limit is not None:
            raise _NotUsableError(
                f"an event of {package} should be one of introduced, fixed and last_affected", "Write one an event."
            )
        events += said
    if all(event.kind != "introduced" for event in events):
        raise _NotUsableError(f"the range of {package} has no event introduced", 'Begin with {"introduced": "0"}.')
    return tuple(events)


def _severity(document: _Document, each: _Affected) -> Severity:
    """Return the worst of the vectors that are nearest to the package; else what the database says in a word."""
    for scores, word in (
        (each.severity, each.database_specific.severity),
        (document.severity, document.database_specific.severity),
    ):
        if scores:
            return worst(tuple(severity_of_vector(score.type, score.score) for score in scores))
        if word:
            return severity_of_word(word)
    raise _NotUsableError(
        "it does not say how severe it is",
        'Add a CVSS vector to severity, or "database_specific": {"severity": "HIGH"}.',
    )


def _plain(text: str) -> str:
    # It goes into terminals and pages in many places.
    return "".join(character if character.isprintable() else " " for character in text).strip()
