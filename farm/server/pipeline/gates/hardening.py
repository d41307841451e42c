"""The gate `hardening`: programs and libraries have what modern distributions build in, or a waiver says why not.

What cannot be seen in a package is not judged, and holds nothing back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.package.hardening import tell_lacking
from farm.core.policy.gate_kind import GateKind
from farm.server.jobs.hardening import hardening_of
from farm.server.pipeline.gates.gate_result import GateResult
from farm.server.tables.records import ImportedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Hardening:
    """Every ELF file has each property that can be judged, unless the recipe waives it.

    Packages of other distributions are theirs to judge: their recipes, and what these waive, are not known here.
    """

    kind = GateKind.HARDENING

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:  # noqa: ARG002
        """Return the standing of those with a file that lacks something."""
        found = {}
        for package in arrivals:
            if isinstance(package, ImportedPackage):
                continue
            if told := tell_lacking(hardening_of(unit, package)):
                found[package.name] = _standing(told)
        return found


def _standing(told: str) -> GateResult:
    return GateResult(
        "failed",
        told,
        "Let the build take $CFLAGS, $CXXFLAGS and $LDFLAGS, or waive the property with a reason, under hardening in "
        "the recipe.",
    )
