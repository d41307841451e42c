"""An audit as a CycloneDX 1.6 document: the packages and their vulnerabilities.

Specification: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from farm.client.findings.formats.wording import addresses, remedy, sentence, unverified_sentence
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.client.findings.report import Audit, AuditedPackage, Exposed
    from farm.core.names.package_name import PackageName

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
    found = [(audit, exposed) for audit in audits for exposed in (*audit.exposed, *audit.harmless)]
    by_advisory = defaultdict(list)
    for audit, exposed in found:
        # A statement about one package says nothing about another.
        key = Digest.of_json([exposed.finding.advisory.id, exposed.finding.severity, _analysis(exposed)])
        by_advisory[key].append((audit, exposed))
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
        "vulnerabilities": [_vulnerability(findings) for findings in by_advisory.values()],
    }
    # For a local build or an unreviewed package, everything is known except its vulnerabilities.
    known = ("no-advisories", "not-covered")
    if parts := [audit for audit in audits if any(finding.kind not in known for finding in audit.unverified)]:
        incomplete = {"aggregate": "incomplete", "assemblies": [_reference(audit) for audit in parts]}
        document["compositions"] = [incomplete]
    if annotations := [
        {
            "subjects": [_reference(audit)],
            "annotator": {"component": {"type": "application", "name": "farm", "version": version}},
            "timestamp": now,
            "text": unverified_sentence(audit, finding),
        }
        for audit in audits
        for finding in audit.unverified
    ]:
        document["annotations"] = annotations
    name = Digest.of_json(document).hex
    return document | {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"}


def _subject(audit: Audit) -> dict[str, Any]:
    carried = defaultdict(list)
    for exposed in (*audit.exposed, *audit.harmless):
        carried[str(exposed.package.name)].append(exposed)
    kind = "container" if audit.kind in ("image", "container", "run") else "platform"
    return {
        "type": kind,
        "bom-ref": _reference(audit),
        "name": audit.name,
        "description": audit.subject,
        "components": [_package(audit, package, carried[str(package.name)]) for package in audit.held],
        "properties": [{"name": "farm:judged-by", "value": source.sentence()} for source in audit.data],
    }


def _package(audit: Audit, package: AuditedPackage, carried: Sequence[Exposed]) -> dict[str, Any]:
    properties = {"descriptor": package.descriptor, "channel": package.channel, "override": package.override}
    component = _library(_reference(audit, package), package.name, package.full_version, properties)
    copies = {_reference(audit, package, exposed): copy for exposed in carried if (copy := exposed.carries)}
    if copies:
        component["components"] = [
            _library(reference, copy.library, copy.full_version, {"linked": "statically"})
            for reference, copy in copies.items()
        ]
    return component


def _library(reference: str, name: PackageName, version: str, properties: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": reference,
        "group": name.distribution,
        "name": name.short,
        "version": version,
        "purl": f"pkg:generic/{name.distribution}/{quote(name.short, safe='')}@{quote(version, safe='')}",
        "properties": [{"name": f"farm:{key}", "value": value} for key, value in properties.items() if value],
    }


def _vulnerability(findings: Sequence[tuple[Audit, Exposed]]) -> dict[str, Any]:
    exposed = findings[0][1]
    advisory, finding = exposed.finding.advisory, exposed.finding
    found: dict[str, Any] = {
        "id": advisory.id,
        "source": {"name": exposed.package.name.distribution, "url": addresses(exposed)[0]},
        "ratings": [{"severity": finding.severity}],
        "description": advisory.summary,
        "detail": "\n".join(dict.fromkeys(sentence(audit, exposed) for audit, exposed in findings)),
        "recommendation": "\n".join(dict.fromkeys(remedy(exposed) for _, exposed in findings)),
        "published": advisory.published.isoformat(),
        "updated": advisory.modified.isoformat(),
        "affects": [
            {"ref": _reference(audit, exposure.package, exposure), "versions": [_affected_version(exposure)]}
            for audit, exposure in findings
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


def _affected_version(exposed: Exposed) -> dict[str, str]:
    version = (exposed.carries or exposed.package).full_version
    return {"version": version, "status": "affected" if exposed.finding.stands else "unaffected"}


def _analysis(exposed: Exposed) -> dict[str, str]:
    statement = exposed.finding.statement
    if statement is None or statement.status not in _STATES:
        return {}
    analysis = {"state": _STATES[statement.status]}
    if statement.justification in _JUSTIFICATIONS:
        analysis["justification"] = _JUSTIFICATIONS[statement.justification]
    return analysis


def _reference(audit: Audit, package: AuditedPackage | None = None, exposed: Exposed | None = None) -> str:
    """Return the reference of a component in the document, which starts with that of its container."""
    parts = [audit.kind, audit.name]
    if package:
        parts += [str(package.name), package.full_version]
    if exposed and exposed.carries:
        parts += [str(exposed.carries.library), exposed.carries.full_version]
    return "#".join(quote(part, safe="/:") for part in parts)
