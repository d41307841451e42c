"""The gate `licenses`: what a package is licensed under may be in this channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.core.recipe.license import refused_licenses
from farm.server.pipeline.gates.gate_result import GateResult
from farm.server.tables.records import ImportedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Licenses:
    """Each license of a package is allowed, or at least one alternative where it offers a choice."""

    kind = GateKind.LICENSES

    def __init__(self, *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None:
        self.allow = tuple(allow)
        self.deny = tuple(deny)

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that may not enter."""
        found = {}
        for package in arrivals:
            license = _license(unit, package)
            refused = refused_licenses(license, allow=self.allow, deny=self.deny)
            if refused:
                rule = f"allows only {', '.join(self.allow)}" if self.allow else f"denies {', '.join(self.deny)}"
                found[package.name] = GateResult(
                    "failed",
                    f"it is licensed {license}, and {channel} {rule}",
                    f"Leave it out of {channel}, or let the channel's policy allow {' and '.join(refused)}.",
                )
        return found


def _license(unit: UnitOfWork, package: Arrival) -> str:
    return unit.packages.member(package).descriptor.license if isinstance(package, ImportedPackage) else package.license
