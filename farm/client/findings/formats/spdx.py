"""An audit as an SPDX 2.3 document: the packages, each with its advisories as security references (annex K).

Specification: https://spdx.github.io/spdx-spec/v2.3/how-to-use/
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from farm.client.findings.formats.wording import addresses, sentence, unverified_sentence
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.core.plan.sbom import DOCUMENT, NOT_SAID, document, element, element_id, organization, relationship

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.client.findings.report import Audit, AuditedPackage, Exposed


def spdx(audits: Sequence[Audit], now: str) -> bytes:
    """Return the document as canonical JSON; `now` is RFC 3339 in UTC."""
    created = datetime.fromisoformat(now)
    elements: list[dict[str, Any]] = []
    relations: list[dict[str, str]] = []
    for audit in audits:
        subject = element_id("Subject", f"{audit.kind} {audit.name}")
        elements.append(_subject(subject, audit, created))
        relations.append(relationship(DOCUMENT, "DESCRIBES", subject))
        if any(finding.kind == "unknown-content" for finding in audit.unverified):
            # SPDX 2.3, 11.1: there may be more in the package, which is not known.
            relations.append(relationship(subject, "CONTAINS", NOT_SAID))
        for package in audit.held:
            found = [exposure for exposure in audit.exposed if exposure.package == package]
            identifier = element_id("Package", f"{audit.kind} {audit.name} {package.name}")
            elements.append(
                _package(identifier, package, [exposure for exposure in found if not exposure.carries], audit)
            )
            relations.append(relationship(subject, "CONTAINS", identifier))
            for part, carried in _parts(identifier, found):
                elements.append(_carried(part, carried, audit))
                relations.append(relationship(identifier, "STATIC_LINK", part))
    owners = sorted({package.name.distribution for audit in audits for package in audit.held})
    creator = organization(owners[0]) if owners else "Organization: NOASSERTION"
    name = Digest.of_json([now, [audit.to_dict() for audit in audits]])
    return document(
        name="farm audit",
        namespace=f"https://{owners[0] if owners else 'audit.invalid'}/spdx/audit/{name.hex}",
        created=created,
        creator=creator,
        packages=elements,
        relationships=relations,
    )


def _subject(identifier: str, audit: Audit, created: datetime) -> dict[str, Any]:
    sources = (source.sentence() for source in audit.data)
    annotations = [
        {
            "annotationDate": utc_text(created),
            "annotationType": "OTHER",
            "annotator": "Tool: farm",
            "comment": comment,
        }
        for comment in (*sources, *(unverified_sentence(audit, finding) for finding in audit.unverified))
    ]
    more: dict[str, Any] = {"annotations": annotations} if annotations else {}
    purpose = "OPERATING-SYSTEM" if audit.kind in ("root", "channel") else "CONTAINER"
    return element(identifier, audit.name, comment=audit.subject, primaryPackagePurpose=purpose, **more)


def _package(identifier: str, package: AuditedPackage, found: Sequence[Exposed], audit: Audit) -> dict[str, Any]:
    more: dict[str, Any] = {"externalRefs": _references(found, audit)} if found else {}
    if package.override:
        more["comment"] = f"Replaces another build: {package.override}"
    supplier = organization(package.name.distribution)
    return element(identifier, package.name.short, supplier=supplier, versionInfo=package.full_version, **more)


def _carried(identifier: str, found: Sequence[Exposed], audit: Audit) -> dict[str, Any]:
    copy = found[0].carries
    assert copy is not None  # noqa: S101  (checked by the caller)
    return element(
        identifier,
        copy.library.short,
        comment=f"Its code is linked statically into {found[0].package.name.short}.",
        externalRefs=_references(found, audit),
        supplier=organization(copy.library.distribution),
        versionInfo=copy.full_version,
    )


def _parts(identifier: str, found: Iterable[Exposed]) -> Iterator[tuple[str, list[Exposed]]]:
    parts: dict[str, list[Exposed]] = {}
    for exposure in found:
        if exposure.carries:
            name = f"{identifier} {exposure.carries.library} {exposure.carries.full_version}"
            parts.setdefault(element_id("Part", name), []).append(exposure)
    yield from parts.items()


def _references(found: Iterable[Exposed], audit: Audit) -> list[dict[str, str]]:
    return [
        {
            "comment": sentence(audit, exposure),
            "referenceCategory": "SECURITY",
            "referenceLocator": address,
            "referenceType": "advisory",
        }
        for exposure in found
        for address in addresses(exposure)
    ]
