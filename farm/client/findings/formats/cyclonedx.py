"""An audit as a CycloneDX 1.6 document: the packages and their vulnerabilities.

Specification: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from farm.client.findings.formats.wording import addresses, doubtful, remedy, sentence
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.findings.report import Audit, AuditedPackage, Exposed

_JUSTIFICATIONS = {
    # OpenVEX's words, for which CycloneDX has others.
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "protected_at_runtime",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}
_STATES = {"not_affected": "not_affected", "fixed": "resolved", "under_investigation": "in_triage"}


def cyclonedx(audits: Sequence[Audit], version: str, now: str) -> dict[str, Any]:
    """Return the document of one run of this farm's `version`; `now` is RFC 3339 in UTC."""
    found = [(audit, exposure) for audit in audits for exposure in (*audit.exposed, *audit.harmless)]
    by_advisory: dict[str, list[tuple[Audit, Exposed]]] = {}
    for audit, each in found:
        # A statement about one package says nothing about another.
        key = Digest.of_json([each.finding.advisory.id, each.finding.severity, _analysis(each)])
        by_advisory.setdefault(key, []).append((audit, each))
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": now,
            "tools": {"components": [{"type": "application", "name": "farm", "version": version}]},
        },
        "components": [_subject(audit) for audit in audits],
        "vulnerabilities": [_vulnerability(together) for together in by_advisory.values()],
    }
    if doubted := [audit for audit in audits if audit.doubts]:
        # For a local build or an unreviewed package, everything is known except its vulnerabilities.
        known = ("no-advisories", "not-covered")
        parts = [audit for audit in doubted if any(finding.kind not in known for finding in audit.doubts)]
        if parts:
            incomplete = {"aggregate": "incomplete", "assemblies": [_reference(audit) for audit in parts]}
            document["compositions"] = [incomplete]
        document["annotations"] = [
            {
                "subjects": [_reference(audit)],
                "annotator": {"component": {"type": "application", "name": "farm", "version": version}},
                "timestamp": now,
                "text": doubtful(audit, doubt),
            }
            for audit in doubted
            for doubt in audit.doubts
        ]
    name = Digest.of_json(document).hex
    return document | {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"}


def _subject(audit: Audit) -> dict[str, Any]:
    carried: dict[str, list[Exposed]] = {}
    for exposure in (*audit.exposed, *audit.harmless):
        if exposure.carries:
            carried.setdefault(str(exposure.package.name), []).append(exposure)
    kind = "container" if audit.kind in ("image", "container", "run") else "platform"
    return {
        "type": kind,
        "bom-ref": _reference(audit),
        "name": audit.name,
        "description": audit.subject,
        "components": [_package(audit, package, carried.get(str(package.name), [])) for package in audit.held],
        "properties": [{"name": "farm:judged-by", "value": source.sentence()} for source in audit.data],
    }


def _package(audit: Audit, package: AuditedPackage, carried: Sequence[Exposed]) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _reference(audit, package),
        "group": package.name.distribution,
        "name": package.name.short,
        "version": package.full_version,
        "purl": _purl(package.name.distribution, package.name.short, package.full_version),
        "properties": list(_properties(package)),
    }
    parts = {_reference(audit, package, exposure): exposure for exposure in carried}
    if parts:
        component["components"] = [_part(reference, each) for reference, each in parts.items()]
    return component


def _part(reference: str, exposed: Exposed) -> dict[str, Any]:
    copy = exposed.carries
    assert copy is not None  # noqa: S101  (checked by the caller)
    return {
        "type": "library",
        "bom-ref": reference,
        "group": copy.library.distribution,
        "name": copy.library.short,
        "version": copy.full_version,
        "purl": _purl(copy.library.distribution, copy.library.short, copy.full_version),
        "properties": [{"name": "farm:linked", "value": "statically"}],
    }


def _properties(package: AuditedPackage) -> Iterator[dict[str, str]]:
    if package.descriptor:
        yield {"name": "farm:descriptor", "value": package.descriptor}
    if package.channel:
        yield {"name": "farm:channel", "value": package.channel}
    if package.override:
        yield {"name": "farm:override", "value": package.override}


def _vulnerability(together: Sequence[tuple[Audit, Exposed]]) -> dict[str, Any]:
    exposed = together[0][1]
    advisory, finding = exposed.finding.advisory, exposed.finding
    found: dict[str, Any] = {
        "id": advisory.id,
        "source": {"name": exposed.package.name.distribution, "url": addresses(exposed)[0]},
        "ratings": [{"severity": finding.severity}],
        "description": advisory.summary,
        "detail": "\n".join(dict.fromkeys(sentence(audit, each) for audit, each in together)),
        "recommendation": "\n".join(dict.fromkeys(remedy(each) for _, each in together)),
        "published": advisory.published.isoformat(),
        "updated": advisory.modified.isoformat(),
        "affects": [
            {
                "ref": _reference(audit, each.package, each),
                "versions": [
                    {"version": _version(each), "status": "affected" if each.finding.stands else "unaffected"}
                ],
            }
            for audit, each in together
        ],
    }
    if advisory.aliases:
        found["references"] = [
            {"id": alias, "source": {"name": alias.partition("-")[0], "url": addresses(exposed)[-1]}}
            for alias in advisory.aliases
        ]
    if analysis := _analysis(exposed):
        found["analysis"] = analysis
    return found


def _analysis(exposed: Exposed) -> dict[str, str]:
    statement = exposed.finding.statement
    if statement is None or statement.status not in _STATES:
        return {}
    analysis = {"state": _STATES[statement.status]}
    if statement.justification in _JUSTIFICATIONS:
        analysis["justification"] = _JUSTIFICATIONS[statement.justification]
    return analysis


def _status(exposed: Exposed) -> str:
    return "affected" if exposed.finding.stands else "unaffected"


def _version(exposed: Exposed) -> str:
    return exposed.carries.full_version if exposed.carries else exposed.package.full_version


def _reference(audit: Audit, package: AuditedPackage | None = None, exposed: Exposed | None = None) -> str:
    """Return the reference of a component in the document, which starts with that of its container."""
    parts = [audit.kind, audit.name]
    if package:
        parts += [str(package.name), package.full_version]
    if exposed and exposed.carries:
        parts += [str(exposed.carries.library), exposed.carries.full_version]
    return "#".join(quote(part, safe="/:") for part in parts)


def _purl(distribution: str, name: str, version: str) -> str:
    return f"pkg:generic/{distribution}/{quote(name, safe='')}@{quote(version, safe='')}"
