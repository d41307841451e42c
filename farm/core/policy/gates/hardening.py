"""The gate `hardening`: programs and libraries have the hardening of modern distributions, or a waiver.

Properties that cannot be determined are not judged, and hold nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.hardening import describe_lacking
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, GateViolation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.package.hardening import HardeningFinding


@dataclass(frozen=True, slots=True)
class HardeningGate(Gate, kind=GateKind.HARDENING):
    """Every ELF file has each property that can be judged, unless the recipe waives it."""

    def violation(self, findings: Iterable[HardeningFinding]) -> GateViolation | None:
        """Return the violation by a package with these findings."""
        lacking = describe_lacking(findings)
        remedy = (
            "Let the build take $CFLAGS, $CXXFLAGS and $LDFLAGS, or waive the property with a reason, under hardening "
            "in the recipe."
        )
        return GateViolation(lacking, remedy) if lacking else None
