"""An audit as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the code.

Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from farm.client.findings.formats.wording import addresses, doubtful, remedy, sentence
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
_DOUBTS: dict[UnverifiedKind, tuple[_Level, str, str, str]] = {
    "unknown-content": (
        "error",
        "What was looked at may not be all that is there",
        "An audit knows what packages hold. Of anything else it cannot say that it is harmless.",
        "Make the image anew with `farm image build`, and put nothing over its packages when it runs.",
    ),
    "no-advisories": (
        "error",
        "Nobody publishes advisories about a package",
        "A distribution's advisories are about its own builds. They say nothing of a build that was made elsewhere.",
        "Take the package from a channel: `farm override list` says what stands in for one, and `remove` ends it.",
    ),
    "not-covered": (
        "warning",
        "No data covers a package",
        "Its distribution lists no advisory that holds, and nobody states there to have looked for any.",
        "Ask the owner of the channel to look, and to say so with `farm advisory reviewed`.",
    ),
    "unknown-copies": (
        "note",
        "Whose code was linked into a package is not known in whole",
        "Nobody watched which libraries the build of the package linked in: advisories about these may hold for it.",
        "Ask the owner of the channel to build the package again.",
    ),
}
"""The rules of results that come from no advisory: level, name, description and help."""


def sarif(audits: Sequence[Audit], version: str) -> dict[str, Any]:
    """Return the log of one run of this farm's `version`; harmless findings are in it, suppressed."""
    found = [(audit, exposure) for audit in audits for exposure in (*audit.exposed, *audit.harmless)]
    rules = {each.finding.advisory.id: each for _, each in reversed(found)}
    order = {identifier: number for number, identifier in enumerate(sorted(rules))}
    described = [_rule(rules[each]) for each in order]
    doubts = [(audit, doubt) for audit in audits for doubt in audit.doubts]
    kinds = {kind: len(order) + number for number, kind in enumerate(sorted({doubt.kind for _, doubt in doubts}))}
    described += [_doubt_rule(kind) for kind in kinds]
    driver = {"name": "farm audit", "version": version, "rules": described}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "properties": {"judged-by": [_judged(audit) for audit in audits]},
                "results": [
                    *(_result(audit, each, order) for audit, each in found),
                    *(_doubt(audit, doubt, kinds[doubt.kind]) for audit, doubt in doubts),
                ],
            }
        ],
    }


def _judged(audit: Audit) -> dict[str, Any]:
    return {"subject": audit.subject, "data": [source.to_dict() for source in audit.data]}


def _doubt_rule(kind: UnverifiedKind) -> dict[str, Any]:
    level, short, full, mending = _DOUBTS[kind]
    return {
        "id": kind,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": mending},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["security"]},
    }


def _doubt(audit: Audit, doubt: UnverifiedFinding, rule: int) -> dict[str, Any]:
    """Return an unknown as a result: without it, a report with no findings would look like an all-clear."""
    same = Digest.of_json([audit.kind, audit.name, doubt.kind, doubt.why])
    return {
        "ruleId": doubt.kind,
        "ruleIndex": rule,
        "level": _DOUBTS[doubt.kind][0],
        "message": {"text": doubtful(audit, doubt)},
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
