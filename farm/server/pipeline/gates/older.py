"""No package of a channel becomes older by itself: a curator has to order that, and sign it. The signer insists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import releases
from farm.server.curation import signed_orders
from farm.server.packages import packages
from farm.server.pipeline.gates.gate_result import GateResult
from farm.server.tables.records import Package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Older:
    """Holds back what is older than what the channel has, or had last. In force where orders have to be signed."""

    kind = GateKind.OLDER

    def __init__(self, ordered: frozenset[str] = frozenset()) -> None:
        """`ordered` are packages that a signed order names: signer and checker see to these."""
        self._ordered = ordered

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that would be older."""
        if signed_orders.who_orders(unit.session) is None:
            return {}
        own = [arrival for arrival in arrivals if isinstance(arrival, Package) and arrival.name not in self._ordered]
        last = releases.last_members(unit.session, channel, (each.name for each in own))
        known = packages.by_digest(unit.session, last.values())
        found = {}
        for package in own:
            before = known.get(last[package.name]) if package.name in last else None
            if before is not None and _age(package) < _age(before):
                found[package.name] = GateResult(
                    "failed",
                    f"it is older than {before.printed_version}, which {channel} has or had last",
                    f"A newer version goes in by itself; this one by `farm candidate retry {channel} {package.name}`, "
                    "signed with your own key.",
                )
        return found


def _age(package: Package) -> tuple[Version, int, int]:
    return Version(package.version), package.revision, package.build
