"""Reading OpenVEX statements (https://github.com/openvex/spec, 0.2.0): whether an advisory affects a package.

A product is `dist.example.org/jq`, the same with `@1.7.1-1` for one version, or a package URL (`pkg:…`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast, get_args
from urllib.parse import unquote

from farm.core.advisories.json_part import JsonPart
from farm.core.advisories.matching import Bound, Statement, Status
from farm.core.advisories.osv import LARGEST_ADVISORY, InvalidAdvisoryError, read_json_object
from farm.core.names.canonical_json import canonical_json
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.utc import utc_text
from farm.core.names.version import InvalidVersionError

CONTEXT = "https://openvex.dev/ns/v0.2.0"
LARGEST_STATEMENTS = 16 * 1024 * 1024
"""The largest document that a distribution publishes, in bytes, with all its statements."""

_PURL = re.compile(r"pkg:[a-z0-9.+-]+/(?P<name>[^@?#]+)(?:@(?P<version>[^?#]+))?(?:[?#].*)?")
_JUSTIFICATIONS = (
    "",
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
_CONTEXTS = r"^https://openvex\.dev/ns(/v0\.2\.[0-9]+)?$"
_VULNERABILITY = r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$"


class _Statement(NamedTuple):
    vulnerability: str
    aliases: tuple[str, ...]
    products: tuple[tuple[str, str], ...]
    """Pairs of an identifier and a package URL, either of which may be empty."""
    status: Status
    justification: str
    impact_statement: str
    timestamp: datetime | None


def _read_statement(part: JsonPart) -> _Statement:
    vulnerability = part.part("vulnerability", required=True)
    return _Statement(
        vulnerability=vulnerability.text("name", pattern=_VULNERABILITY),
        aliases=vulnerability.texts("aliases", most=100),
        products=tuple(
            (product.text("@id", ""), product.part("identifiers").text("purl", ""))
            for product in part.parts("products", least=1, most=1000)
        ),
        status=cast("Status", part.choice("status", get_args(Status))),
        justification=part.choice("justification", _JUSTIFICATIONS, ""),
        impact_statement=part.text("impact_statement", ""),
        timestamp=part.moment_or_none("timestamp"),
    )


def read_openvex(
    content: bytes, distribution: str, *, file: str = "", largest: int = LARGEST_ADVISORY
) -> tuple[Statement, ...]:
    """Read the statements of a document, one for each product; errors name `file`.

    A submitted document is limited to the size of an advisory, `largest` bytes; for a published one see
    `read_published`. Products are packages of the distribution, or packages that it imports. Raises
    `InvalidAdvisoryError`.
    """
    part = JsonPart(read_json_object(content, "the document", file, largest))
    part.text("@context", pattern=_CONTEXTS)
    at = part.moment("timestamp")
    statements = tuple(map(_read_statement, part.parts("statements", least=1)))
    if part.problems:
        raise InvalidAdvisoryError(f"this is not a valid OpenVEX document: {'; '.join(part.problems)}", file)
    found = []
    for statement in statements:
        for identifier, purl in statement.products:
            name, version = _product(purl or identifier, distribution, file)
            _check(statement, name, version, file)
            found.append(
                Statement(
                    statement.vulnerability,
                    statement.aliases,
                    name,
                    version,
                    statement.status,
                    statement.justification or statement.impact_statement,
                    (statement.timestamp or at).astimezone(UTC).replace(microsecond=0),
                )
            )
    return tuple(found)


def read_published(content: bytes, distribution: str) -> tuple[Statement, ...]:
    """Read the document with all statements that a distribution publishes. Raises `InvalidAdvisoryError`."""
    return read_openvex(content, distribution, largest=LARGEST_STATEMENTS)


def write_openvex(statements: tuple[Statement, ...], distribution: str, *, at: datetime) -> bytes:
    """Return a document (canonical JSON) that `read_published` reads as these statements."""
    return canonical_json(
        {
            "@context": CONTEXT,
            "@id": f"https://{distribution}/advisories/openvex",
            "author": distribution,
            "statements": [statement_form(statement, distribution) for statement in statements],
            "timestamp": utc_text(at),
            "version": 1,
        }
    )


def statement_form(statement: Statement, distribution: str) -> dict[str, Any]:
    """Return one statement in the form of a document."""
    version = f"@{statement.version}" if statement.version else ""
    form: dict[str, Any] = {
        "products": [{"@id": f"{PackageName.parse(statement.package, within=distribution)}{version}"}],
        "status": statement.status,
        "timestamp": utc_text(statement.at),
        "vulnerability": {"aliases": list(statement.aliases), "name": statement.vulnerability},
    }
    if statement.justification:
        form["justification" if statement.justification in _JUSTIFICATIONS else "impact_statement"] = (
            statement.justification
        )
    return form


def _product(text: str, distribution: str, file: str) -> tuple[str, Bound | None]:
    match = _PURL.fullmatch(text)
    name, version = (
        (match["name"], match["version"] or "") if match else (text.partition("@")[0], text.partition("@")[2])
    )
    try:
        found = PackageName.parse(unquote(name), within=distribution)
        bound = Bound.parse(unquote(version)) if version else None
    except (InvalidPackageNameError, InvalidVersionError) as error:
        raise InvalidAdvisoryError(f"the product {text[:100]!r}: {error.message}", file, error.remedy) from error
    return found.inside(distribution), bound


def _check(statement: _Statement, name: str, version: Bound | None, file: str) -> None:
    what = f"the statement about {statement.vulnerability} in {name}"
    if statement.status == "not_affected" and not statement.justification and not statement.impact_statement:
        raise InvalidAdvisoryError(f"{what} does not say why", file, "Add a justification, or an impact_statement.")
    if statement.status == "fixed" and version is None:
        # A statement about all versions would say that none was ever affected.
        raise InvalidAdvisoryError(f"{what} names no version that is fixed", file, "Name the product as NAME@VERSION.")
