"""An audit as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the code.

Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from farm.client.findings.formats.wording import addresses, remedy, sentence, unverified_sentence
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.findings.report import Audit, Exposed, UnverifiedFinding, UnverifiedKind
    from farm.core.advisories.severity import Severity

_Level: TypeAlias = Literal["note", "warning", "error"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, _Level] = {
    "none": "note",
    "low": "note",
    "medium": "warning",
    "high": "error",
    "critical": "error",
}
# Only the word of a severity is known; hosts that sort by a number get one from its range (CVSS 3.1, section 5).
_SCORES: dict[Severity, str] = {"none": "0.0", "low": "2.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}
_UNVERIFIED_RULES: dict[UnverifiedKind, tuple[_Level, str, str, str]] = {
    "unknown-content": (
        "error",
        "The audit may not cover the whole content",
        "An audit knows the content of packages. It cannot tell whether anything else is harmless.",
        "Build the image again with `farm image build`, and mount nothing over its packages when it runs.",
    ),
    "no-advisories": (
        "error",
        "No advisories are published about a package",
        "A distribution's advisories are about its own builds. They say nothing about other builds.",
        "Take it from a channel: `farm override list` shows what replaces it, `farm override remove` ends that.",
    ),
    "not-covered": (
        "warning",
        "A package was not reviewed for vulnerabilities",
        "Its distribution lists no advisory that applies, and has recorded no review of the package.",
        "Ask the owner of the channel for a review, recorded with `farm advisory reviewed`.",
    ),
    "unknown-copies": (
        "note",
        "The code linked into a package is not fully known",
        "The build of the package was not traced: advisories about the libraries that it linked in may apply.",
        "Ask the owner of the channel to build the package again.",
    ),
}
"""The rules of results that come from no advisory: level, name, description and help."""


def sarif(audits: Sequence[Audit], version: str) -> dict[str, Any]:
    """Return the log of one run of this farm's `version`; harmless findings are in it, suppressed."""
    found = [(audit, exposed) for audit in audits for exposed in (*audit.exposed, *audit.harmless)]
    rules = {exposed.finding.advisory.id: exposed for _, exposed in reversed(found)}
    order = {identifier: number for number, identifier in enumerate(sorted(rules))}
    described = [_rule(rules[advisory]) for advisory in order]
    unverified = [(audit, finding) for audit in audits for finding in audit.unverified]
    kinds = {
        kind: len(order) + number for number, kind in enumerate(sorted({finding.kind for _, finding in unverified}))
    }
    described += [_unverified_rule(kind) for kind in kinds]
    driver = {"name": "farm audit", "version": version, "rules": described}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "properties": {
                    "judged-by": [
                        {"subject": audit.subject, "data": [source.to_dict() for source in audit.data]}
                        for audit in audits
                    ]
                },
                "results": [
                    *(_result(audit, exposed, order) for audit, exposed in found),
                    *(_unverified(audit, finding, kinds[finding.kind]) for audit, finding in unverified),
                ],
            }
        ],
    }


def _unverified_rule(kind: UnverifiedKind) -> dict[str, Any]:
    level, short, full, remedy_text = _UNVERIFIED_RULES[kind]
    return {
        "id": kind,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": remedy_text},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["security"]},
    }


def _unverified(audit: Audit, finding: UnverifiedFinding, rule: int) -> dict[str, Any]:
    """Return what is not known as a result: without it, a report with no findings would look like an all-clear."""
    same = Digest.of_json([audit.kind, audit.name, finding.kind, *finding.about])
    return {
        "ruleId": finding.kind,
        "ruleIndex": rule,
        "level": _UNVERIFIED_RULES[finding.kind][0],
        "message": {"text": unverified_sentence(audit, finding)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": f"{audit.kind}/{quote(audit.name, safe='')}"}},
                "logicalLocations": [
                    {"name": audit.name, "fullyQualifiedName": f"{audit.kind} {audit.name}", "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"farm/1": same.hex},
        "properties": {"subject": audit.subject},
    }


def _rule(exposed: Exposed) -> dict[str, Any]:
    finding = exposed.finding
    summary = finding.advisory.summary or finding.advisory.id
    return {
        "id": finding.advisory.id,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": f"{', '.join(sorted(finding.advisory.ids))}: {summary}"},
        "helpUri": addresses(exposed)[-1],
        "help": {"text": "Install a fixed build of the package."},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"security-severity": _SCORES[finding.severity], "tags": ["security", "vulnerability"]},
    }


def _result(audit: Audit, exposed: Exposed, order: dict[str, int]) -> dict[str, Any]:
    finding, package = exposed.finding, exposed.package
    place = f"packages/{package.store}" if package.store else f"packages/{package.name.short}"
    carried = str(exposed.carries.library) if exposed.carries else ""
    same = Digest.of_json([audit.kind, audit.name, finding.advisory.id, str(package.name), carried])
    result: dict[str, Any] = {
        "ruleId": finding.advisory.id,
        "ruleIndex": order[finding.advisory.id],
        "level": _LEVELS[finding.severity],
        "message": {"text": sentence(audit, exposed)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": place}},
                "logicalLocations": [
                    {
                        "name": package.name.short,
                        "fullyQualifiedName": f"{audit.name}: {package.name} {package.full_version}",
                        "kind": "package",
                    }
                ],
            }
        ],
        # Neither version nor release is part of it: the same vulnerability in the next release is not a new alert.
        "partialFingerprints": {"farm/1": same.hex},
        "properties": {"subject": audit.subject, "remedy": remedy(exposed)},
    }
    if not finding.stands and finding.statement:
        why = finding.statement.justification or finding.statement.status
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result
