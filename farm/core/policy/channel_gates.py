"""The gates that a channel's policy can ask for: one value each, with its settings. The pipeline acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta  # noqa: TC003  (a gate's type hints are its settings)
from typing import Any, ClassVar, Literal, TypeAlias

from farm.core.files.duration import duration_text
from farm.core.names.declared import HostNeeds  # noqa: TC001  (likewise)
from farm.core.policy.gate_kind import GateKind

TestScope: TypeAlias = Literal["changed", "changed-and-dependents", "all"]
Severity: TypeAlias = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class ProofGate:
    """The set as a whole: nothing missing, nothing claimed twice."""

    kind: ClassVar[GateKind] = GateKind.PROOF

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"gate": self.kind}


@dataclass(frozen=True, slots=True)
class AbiGate:
    """No package gets a library of another interface than the one that it was built against."""

    kind: ClassVar[GateKind] = GateKind.ABI

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"gate": self.kind}


@dataclass(frozen=True, slots=True)
class TestsGate:
    """Package tests within the candidate; `of` says which packages'."""

    __test__: ClassVar[bool] = False  # pytest takes every class that is named so for a test
    kind: ClassVar[GateKind] = GateKind.TESTS
    of: TestScope = "changed-and-dependents"

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"gate": self.kind, "of": self.of}


@dataclass(frozen=True, slots=True)
class ReproducedGate:
    """`agree` builds by different workers, the first one counted, gave the same tree."""

    kind: ClassVar[GateKind] = GateKind.REPRODUCED
    agree: int = 2

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"agree": self.agree, "gate": self.kind}


@dataclass(frozen=True, slots=True)
class SoakGate:
    """The channel that packages come from has held them for this long, and no report about them is open."""

    kind: ClassVar[GateKind] = GateKind.SOAK
    duration: timedelta

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"duration": duration_text(self.duration), "gate": self.kind}


@dataclass(frozen=True, slots=True)
class ApprovalsGate:
    """`count` people of a group in `curators.yaml` have signed for the package."""

    kind: ClassVar[GateKind] = GateKind.APPROVALS
    of: str = "curators"
    count: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"count": self.count, "gate": self.kind, "of": self.of}


@dataclass(frozen=True, slots=True)
class LicensesGate:
    """A package's license is among the allowed ones, or is none of the denied: SPDX identifiers, one of both lists."""

    kind: ClassVar[GateKind] = GateKind.LICENSES
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"allow": list(self.allow), "deny": list(self.deny), "gate": self.kind}


@dataclass(frozen=True, slots=True)
class AdvisoriesGate:
    """No advisory of this severity or a higher one holds for the package."""

    kind: ClassVar[GateKind] = GateKind.ADVISORIES
    block: Severity = "high"

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"block": self.block, "gate": self.kind}


@dataclass(frozen=True, slots=True)
class HostGate:
    """The hosts of the channel's subscribers have what a package asks of its host: `offered` is what they all have."""

    kind: ClassVar[GateKind] = GateKind.HOST
    offered: HostNeeds

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"gate": self.kind, **self.offered.to_dict()}


@dataclass(frozen=True, slots=True)
class HardeningGate:
    """Programs and libraries have what protects them from their own mistakes, or their recipe says why not."""

    kind: ClassVar[GateKind] = GateKind.HARDENING

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as plain values."""
        return {"gate": self.kind}


Gate: TypeAlias = (
    ProofGate
    | AbiGate
    | TestsGate
    | ReproducedGate
    | SoakGate
    | ApprovalsGate
    | LicensesGate
    | AdvisoriesGate
    | HostGate
    | HardeningGate
)
