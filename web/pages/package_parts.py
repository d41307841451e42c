"""Parts of the page of a package: its advisories, its hardening, and its capabilities by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farm.core.advisories.matching import find
from farm.core.advisories.severity import SEVERITIES
from farm.core.names.grouping import grouped
from farm.core.names.version import Version
from farm.server.advisories.advisory_intake import known_about, released_with
from farm.server.jobs.hardening import hardening_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.core.advisories.matching import Advisory, AdvisoryFinding
    from farm.core.advisories.severity import Severity
    from farm.core.names.declared import HardeningProperty
    from farm.core.package.hardening import HardeningFinding
    from farm.server.advisories.advisory_intake import Hit
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AdvisoryLine:
    """An advisory about a package. `state` is its state for one build, `is_open` whether it applies.

    `released` are the newest releases with an affected build.
    """

    advisory: Advisory
    severity: Severity
    state: str
    is_open: bool
    released: Sequence[Hit]


def advisories_about(unit: UnitOfWork, package: Package) -> list[AdvisoryLine]:
    """Return the advisories about a package, except withdrawn ones: first those that affect this build, worst first."""
    advisories, statements = known_about(unit, [package.name])
    here = [(package.name, Version(package.version), package.revision)]
    findings = {finding.advisory.id: finding for finding in find(advisories, statements, here)}
    lines = [_line(unit, advisory, findings.get(advisory.id), package.name) for advisory in advisories]
    return sorted(lines, key=lambda line: (not line.is_open, -SEVERITIES.index(line.severity), line.advisory.id))


def _line(unit: UnitOfWork, advisory: Advisory, finding: AdvisoryFinding | None, name: str) -> AdvisoryLine:
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


@dataclass(frozen=True, slots=True)
class HardeningLine:
    """A hardening property and the files with the same finding; `reason` is that of a waiver."""

    property: HardeningProperty
    state: Literal["lacking", "waived", "not judged"]
    reason: str
    paths: Sequence[str]


def hardening_lines(unit: UnitOfWork, package: Package) -> list[HardeningLine]:
    """Return the findings, without files that have everything that can be checked. Missing properties come first."""
    findings = hardening_of(unit, package)
    paths = grouped(((_state(finding), finding.property, finding.waived), finding.path) for finding in findings)
    return [
        HardeningLine(name, state, reason, found)
        for state in ("lacking", "waived", "not judged")
        for (its, name, reason), found in paths.items()
        if its == state
    ]


def _state(finding: HardeningFinding) -> str:
    if not finding.lacking:
        return "not judged"
    return "waived" if finding.waived else "lacking"


_KINDS = {
    "command": "Commands",
    "soname": "Libraries",
    "interpreter": "Interpreters",
    "pkgconfig": "pkg-config modules",
    "package": "Packages",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The capabilities of one kind. `names` pairs the shown text with the whole capability."""

    title: str
    names: tuple[tuple[str, str], ...]


def by_kind(capabilities: Iterable[str]) -> list[Group]:
    """Return capabilities (`soname:libz.so.1`) by kind; unknown kinds come last, by their own name."""
    kinds: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    for capability in sorted(capabilities):
        kind, _, name = capability.partition(":")
        name = name.replace("=", " = ") if kind == "package" else name
        kinds.setdefault(kind, []).append((name, capability))
    return [Group(_KINDS.get(kind, kind), tuple(names)) for kind, names in kinds.items() if names]
