"""A channel that went back stays what it is then: only a new build comes by itself, the rest by a curator's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import rollbacks
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.server.channels.rollbacks import RollbackRecord
    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class RolledBack:
    """Holds back the very packages that a rollback took out, or that were to be had then.

    In force on every channel, whatever its policy says.
    """

    kind = GateKind.ROLLED_BACK

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that a rollback kept out, unless a curator has ordered them in since."""
        found = rollbacks.kept_out(unit.session, channel, [package.digest for package in arrivals])
        remedy = "A new version goes in by itself; this one by `farm candidate retry {} {}`."
        return _standings(channel, arrivals, found, remedy)

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that a rollback kept in, unless a curator has ordered them out since."""
        found = rollbacks.kept_in(unit.session, channel, [package.digest for package in departures])
        return _standings(channel, departures, found, "`farm candidate retry {} {}` lets it go.")


def _standings(
    channel: str, packages: Sequence[Arrival], found: Mapping[Digest, RollbackRecord], remedy: str
) -> Mapping[str, GateResult]:
    standings = {}
    for package in packages:
        deed = found.get(package.digest)
        if deed is not None and not deed.allows(package.name):
            standings[package.name] = GateResult(
                "failed",
                f"release {deed.release} of {channel}, a rollback, {deed.deed}: {deed.reason}",
                remedy.format(channel, package.name),
            )
    return standings
