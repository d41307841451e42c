"""What the page of a package says of its hardening: properties that files lack, those waived, and those not judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farm.server.jobs.hardening import hardening_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.names.hardening import HardeningProperty
    from farm.core.package.hardening import HardeningFinding
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HardeningLine:
    """A property and the files of which one thing is to be said; `reason` is that of a waiver."""

    property: HardeningProperty
    state: Literal["lacking", "waived", "not judged"]
    reason: str
    paths: Sequence[str]


def hardening_lines(unit: UnitOfWork, package: Package) -> list[HardeningLine]:
    """Return what there is to say: nothing of files that have all that can be seen. What is lacking comes first."""
    paths: dict[tuple[str, HardeningProperty, str], list[str]] = {}
    for finding in hardening_of(unit, package):
        paths.setdefault((_state(finding), finding.property, finding.waived), []).append(finding.path)
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
