"""The gate `hold`: what a curator keeps where it is. In force on every channel, whatever its policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.curation import holds
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Holds:
    """No curator holds the package on this channel."""

    kind = GateKind.HOLD

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that are held; they wait when the hold ends by itself."""
        return _standings(unit, channel, arrivals, goes="", lifted="go on")

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that are held: a package that stays as it is does not go either."""
        return _standings(unit, channel, departures, goes=", so it does not go", lifted="go")


def _standings(
    unit: UnitOfWork, channel: str, packages: Sequence[Arrival], *, goes: str, lifted: str
) -> Mapping[str, GateResult]:
    held = holds.holds_on(unit.session, channel, (package.name for package in packages), now=unit.now)
    return {
        name: GateResult(
            "waiting" if hold.until else "failed",
            f"{hold.held_by} holds it on {channel}{goes}: {hold.reason}",
            f"Ask {hold.held_by}; `farm channel hold {channel} {name} --lift` lets it {lifted}.",
            hold.until,
        )
        for name, hold in held.items()
    }
