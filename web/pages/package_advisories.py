"""What the page of a package says about its vulnerabilities: which advisories speak of it, and how each stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.advisories.matching import find
from farm.core.advisories.severity import SEVERITIES
from farm.core.names.version import Version
from farm.server.advisories.advisory_intake import known_about, released_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.advisories.matching import Advisory, Finding
    from farm.core.advisories.severity import Severity
    from farm.server.advisories.advisory_intake import Hit
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AdvisoryLine:
    """An advisory that speaks of a package. `state` says how it stands with one build, `is_open` whether it holds.

    `released` are the newest releases that hold a build which it holds for.
    """

    advisory: Advisory
    severity: Severity
    state: str
    is_open: bool
    released: Sequence[Hit]


def advisories_about(unit: UnitOfWork, package: Package) -> list[AdvisoryLine]:
    """Return what is known about a package and not withdrawn: what stands against this build first, the worst first."""
    advisories, statements = known_about(unit, [package.name])
    here = [(package.name, Version(package.version), package.revision)]
    findings = {finding.advisory.id: finding for finding in find(advisories, statements, here)}
    lines = [_line(unit, advisory, findings.get(advisory.id), package.name) for advisory in advisories]
    return sorted(lines, key=lambda each: (not each.is_open, -SEVERITIES.index(each.severity), each.advisory.id))


def _line(unit: UnitOfWork, advisory: Advisory, finding: Finding | None, name: str) -> AdvisoryLine:
    severity = finding.severity if finding else advisory.severity
    released = [hit for hit in released_with(unit, advisory) if hit.package == name]
    if finding is None:
        return AdvisoryLine(advisory, severity, "does not affect this version", is_open=False, released=released)
    statement = finding.statement
    if statement is not None and not finding.stands:
        why = f": {statement.justification.replace('_', ' ')}" if statement.justification else ""
        state = f"stated as {statement.status.replace('_', ' ')}{why}"
        return AdvisoryLine(advisory, severity, state, is_open=False, released=released)
    said = f", {statement.status.replace('_', ' ')}" if statement else ""
    state = f"open{said}; fixed in {finding.fixed}" if finding.fixed else f"open{said}; not fixed yet"
    return AdvisoryLine(advisory, severity, state, is_open=True, released=released)
