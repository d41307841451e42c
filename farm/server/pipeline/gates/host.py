"""The gate `host`: the hosts that a channel is for have what a package asks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.core.sets.needs.host import needs_beyond
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.declared import HostNeeds
    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Host:
    """Kernel version, kernel features and capabilities stay within what every host of the channel offers."""

    kind = GateKind.HOST

    def __init__(self, offered: HostNeeds) -> None:
        self.offered = offered

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that ask for more."""
        found = {}
        for package in arrivals:
            beyond = needs_beyond(unit.packages.member(package).descriptor.host, self.offered)
            if beyond:
                found[package.name] = GateResult(
                    "failed",
                    f"it asks {', '.join(beyond)} of its host, more than {channel} promises",
                    f"Leave it out of {channel}, or let the gate host of its policy offer that.",
                )
        return found
