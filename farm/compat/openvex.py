"""Reading statements in OpenVEX's form (https://github.com/openvex/spec, 0.2.0): whether an advisory does harm here.

A product is `dist.example.org/jq`, that with `@1.7.1-1` for one version, or the same in a package URL (`pkg:…`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from farm.compat.advisories import Bound, Statement, Status
from farm.compat.osv import LARGEST_ADVISORY, InvalidAdvisoryError, problems_of, read_json_object
from farm.names import InvalidPackageNameError, InvalidVersionError, PackageName, canonical_json

CONTEXT = "https://openvex.dev/ns/v0.2.0"
LARGEST_STATEMENTS = 16 * 1024 * 1024
"""Bytes of the document that a distribution publishes, with all that was ever stated in it."""

_PURL = re.compile(r"pkg:[a-z0-9.+-]+/(?P<name>[^@?#]+)(?:@(?P<version>[^?#]+))?(?:[?#].*)?")
_JUSTIFICATIONS = Literal[
    "",
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
]
_Line = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Vulnerability(_Part):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$")]
    aliases: Annotated[tuple[_Line, ...], Field(max_length=100)] = ()


class _Identifiers(_Part):
    purl: _Line = ""


class _Product(_Part):
    id: Annotated[_Line, Field(alias="@id")] = ""
    identifiers: _Identifiers = _Identifiers()


class _Statement(_Part):
    vulnerability: _Vulnerability
    products: Annotated[tuple[_Product, ...], Field(min_length=1, max_length=1000)]
    status: Status
    justification: _JUSTIFICATIONS = ""
    impact_statement: _Line = ""
    timestamp: AwareDatetime | None = None


class _Document(_Part):
    context: Annotated[str, Field(alias="@context", pattern=r"^https://openvex\.dev/ns(/v0\.2\.[0-9]+)?$")]
    timestamp: AwareDatetime
    statements: Annotated[tuple[_Statement, ...], Field(min_length=1)]


def read_openvex(
    content: bytes, distribution: str, *, file: str = "", largest: int = LARGEST_ADVISORY
) -> tuple[Statement, ...]:
    """Read what a document states, one statement for each product; `file` is named in errors.

    A document that somebody hands in is as large as an advisory, `largest` bytes; for a published one see
    `read_published`.
    Products are packages of the distribution, or such that it takes of others. Raises `InvalidAdvisoryError`.
    """
    try:
        document = _Document.model_validate(read_json_object(content, "the document", file, largest))
    except ValidationError as error:
        raise InvalidAdvisoryError(f"this is no OpenVEX document: {problems_of(error)}", file) from error
    found = []
    for each in document.statements:
        for product in each.products:
            name, version = _product(product, distribution, file)
            _check(each, name, version, file)
            found.append(
                Statement(
                    each.vulnerability.name,
                    each.vulnerability.aliases,
                    name,
                    version,
                    each.status,
                    each.justification or each.impact_statement,
                    (each.timestamp or document.timestamp).astimezone(UTC).replace(microsecond=0),
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
            "statements": [statement_form(each, distribution) for each in statements],
            "timestamp": _moment(at),
            "version": 1,
        }
    )


def statement_form(statement: Statement, distribution: str) -> dict[str, Any]:
    """Return one statement as it stands in a document."""
    version = f"@{statement.version}" if statement.version else ""
    form: dict[str, Any] = {
        "products": [{"@id": f"{PackageName.parse(statement.package, within=distribution)}{version}"}],
        "status": statement.status,
        "timestamp": _moment(statement.at),
        "vulnerability": {"aliases": list(statement.aliases), "name": statement.vulnerability},
    }
    known = _JUSTIFICATIONS.__args__  # type: ignore[attr-defined]
    if statement.justification:
        form["justification" if statement.justification in known else "impact_statement"] = statement.justification
    return form


def _product(product: _Product, distribution: str, file: str) -> tuple[str, Bound | None]:
    text = product.identifiers.purl or product.id
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


def _check(each: _Statement, name: str, version: Bound | None, file: str) -> None:
    what = f"the statement about {each.vulnerability.name} in {name}"
    if each.status == "not_affected" and not each.justification and not each.impact_statement:
        raise InvalidAdvisoryError(f"{what} does not say why", file, "Add a justification, or an impact_statement.")
    if each.status == "fixed" and version is None:
        # Of all versions it would say that none ever was affected.
        raise InvalidAdvisoryError(f"{what} names no version that is fixed", file, "Name the product as NAME@VERSION.")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
