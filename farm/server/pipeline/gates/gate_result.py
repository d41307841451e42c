"""What a gate of single packages says: it looks at packages that want in, one by one, and holds back some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from farm.core.policy.gate_kind import GateKind
    from farm.server.tables.records import ImportedPackage, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

Arrival: TypeAlias = "Package | ImportedPackage"
"""A package that a candidate puts in: an own one by its short name, or one of another distribution by its full name."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """Where a package stands at a gate: `waiting` comes to pass by itself or by somebody's signature, `failed` not.

    `reason` is a sentence for people without its full stop, `remedy` what would clear it; `until` is when the clock
    alone does, and `job` where the log is. `under_way`: jobs of the farm see to it, nobody has to do anything.
    """

    state: Literal["passed", "waiting", "failed"]
    reason: str = ""
    remedy: str = ""
    until: datetime | None = None
    job: int | None = None
    under_way: bool = False


PASSED = GateResult("passed")


class PackageGate(Protocol):
    """A gate that decides about single packages, from rows; it may write wishes (a rebuild), and nothing else."""

    kind: GateKind

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of each package that a candidate puts in, by name; missing ones have passed."""


@runtime_checkable
class RemovalGate(Protocol):
    """A gate that has a say also about what goes. Those without it look at packages, of which none comes then."""

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of each package that a candidate takes out, by name; missing ones may go."""
