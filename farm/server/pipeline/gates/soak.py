"""The gate `soak` as the pipeline asks it: from the releases of the packages' source channel, and open reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import releases
from farm.server.curation import reports
from farm.server.federation import imported
from farm.server.pipeline.gates.gate_result import PackageGateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.policy.gates.soak import SoakGate
    from farm.server.curation.reports import Report
    from farm.server.pipeline.gates.gate_result import MovingPackage
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class OpenReports:
    """The part of the gate that a promotion does not skip: no report on the package is open."""

    kind = GateKind.SOAK
    from_channel: str

    def check(
        self,
        unit: UnitOfWork,
        channel: str,  # noqa: ARG002
        packages: Sequence[MovingPackage],
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages with an open report: they wait until a curator closes it."""
        found = reports.open_reports(unit.session, self.from_channel, [package.digest for package in packages])
        return {package.name: self._reported(found[package.digest]) for package in packages if package.digest in found}

    def _reported(self, found: Sequence[Report]) -> PackageGateResult:
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return PackageGateResult(
            "failed",
            f"{first.reported_by} reported trouble with it on {self.from_channel}: {first.reason}{more}",
            "Submit a recipe that fixes it; or, if there is nothing to fix, "
            f"`farm channel report --resolve {first.id}`.",
        )


@dataclass(frozen=True)
class Soak:
    """`from_channel` has held the package for the gate's time, and no report on it is open there."""

    kind = GateKind.SOAK
    gate: SoakGate
    from_channel: str

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that the channel has held for too short a time, or with an open report."""
        since = releases.first_released(unit.session, self.from_channel, [package.digest for package in packages])
        since |= imported.first_taken(unit.session, self.from_channel, (package.name for package in packages))
        violations = (
            (package.name, self.gate.violation(self.from_channel, since.get(package.digest), unit.now))
            for package in packages
        )
        waiting = {name: PackageGateResult.of(violation) for name, violation in violations if violation}
        return {**waiting, **OpenReports(self.from_channel).check(unit, channel, packages)}

    def check_removal(
        self,
        unit: UnitOfWork,
        channel: str,  # noqa: ARG002
        packages: Sequence[MovingPackage],
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that left the channel too recently; a package that was never there may go."""
        names = [package.name for package in packages]
        gone = releases.gone_since(unit.session, self.from_channel, names)
        gone |= imported.gone_since(unit.session, self.from_channel, names)
        violations = (
            (name, self.gate.removal_violation(self.from_channel, since, unit.now)) for name, since in gone.items()
        )
        return {name: PackageGateResult.of(violation) for name, violation in violations if violation}
