"""The gate `advisories`: nothing bad enough is known about a package. What is released already stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.advisories.matching import blocking
from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.server.advisories.advisory_intake import known_about
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.advisories.matching import Finding
    from farm.core.advisories.severity import Severity
    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Advisories:
    """No advisory of this severity or worse holds for the package, but those that are stated to do no harm."""

    kind = GateKind.ADVISORIES

    def __init__(self, block: Severity) -> None:
        self.block = block

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:  # noqa: ARG002
        """Return the standing of those that something is known about."""
        advisories, statements = known_about(unit, (package.name for package in arrivals))
        versions = ((package.name, Version(package.version), package.revision) for package in arrivals)
        standing: dict[str, list[Finding]] = {}
        for finding in blocking(advisories, statements, versions, self.block):
            standing.setdefault(finding.package, []).append(finding)
        return {name: _failed(findings) for name, findings in standing.items()}


def _failed(findings: list[Finding]) -> GateResult:
    told = [f"{finding.advisory.id} ({finding.severity}): {finding.advisory.summary}" for finding in findings]
    package = findings[0].package
    fixed = next((finding.fixed for finding in findings if finding.fixed), "")
    owner = package.rpartition("/")[0]
    if owner:
        mend = f"Wait for {package} {fixed} or newer" if fixed else f"Wait until {owner} releases one that is fixed"
        mend += ": that is tried by itself"
    else:
        mend = f"Submit {package} {fixed} or newer" if fixed else f"Submit a version of {package} that is fixed"
    return GateResult(
        "failed",
        "; ".join(told),
        f"{mend}; or state why it does no harm here, with `farm advisory vex FILE`.",
    )
