"""The gate `host`: the hosts that a channel is for meet the needs of a package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from farm.core.files import values
from farm.core.files.fields import AS_WRITTEN
from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, GateViolation

if TYPE_CHECKING:
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields
    from farm.core.names.declared import HostNeeds


@dataclass(frozen=True, slots=True)
class HostGate(Gate, kind=GateKind.HOST):
    """The hosts of the channel's subscribers meet a package's needs. The settings are what all of these hosts have."""

    settings: ClassVar[tuple[str, ...]] = ("kernel", "features", "capabilities")
    kernel: str = ""
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:
        """Return the gate with these settings."""
        kernel = fields.parsed("kernel", Version, AS_WRITTEN)
        features = fields.unique("features", values.kernel_feature)
        if kernel is None:
            fields.document.report(key, "the gate host lacks its kernel", 'Write it as host: {kernel: "6.1"}.')
        return cls(str(kernel or ""), features, fields.unique("capabilities", values.capability))

    def laxer_than(self, signed: Self) -> str:
        """Return what else a package may need, as a phrase."""
        if Version(self.kernel or "0") > Version(signed.kernel or "0"):
            return f"a kernel {self.kernel} instead of {signed.kernel}"
        more = {*self.features, *self.capabilities} - {*signed.features, *signed.capabilities}
        return f"{', '.join(sorted(more))} too" if more else ""

    def violation(self, needs: HostNeeds) -> GateViolation | None:
        """Return the violation by a package with these needs. Raises `InvalidVersionError`."""
        lacking: list[str] = []
        if needs.kernel and (not self.kernel or Version(needs.kernel) > Version(self.kernel)):
            lacking.append(f"Linux {needs.kernel}")
        offered = {*self.features, *self.capabilities}
        lacking += sorted({*needs.features, *needs.capabilities, *needs.devices} - offered)
        if not lacking:
            return None
        remedy = "Leave it out of the channel, or let the gate host of the channel's policy offer that."
        return GateViolation(f"it needs {', '.join(lacking)} of its host, more than the policy promises", remedy)
