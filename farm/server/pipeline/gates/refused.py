"""What the signer has refused waits before it is asked about that again: all else goes on without it meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import refusals
from farm.server.pipeline.gates.gate_result import GateResult
from farm.server.tables.records import Package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)


class Refused:
    """Holds back the very packages that the signer refused, for a while. In force whatever the policy says."""

    kind = GateKind.SIGNER

    def __init__(self, ordered: frozenset[str] = frozenset()) -> None:
        """`ordered` are packages that a curator's order names: the signer is asked about these at once."""
        self._ordered = ordered

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that the signer did not let in."""
        return self._standings(unit, channel, self._not_ordered(arrivals))

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that the signer did not let go."""
        return self._standings(unit, channel, dict.fromkeys(self._not_ordered(departures)))

    def _not_ordered(self, moving: Sequence[Arrival]) -> dict[str, Digest]:
        """Return those that no order names: neither by their own name nor by that of another output of their build."""
        builds = {each.plan for each in moving if isinstance(each, Package) and each.name in self._ordered}
        return {
            each.name: each.digest
            for each in moving
            if each.name not in self._ordered and not (isinstance(each, Package) and each.plan in builds)
        }

    def _standings(
        self, unit: UnitOfWork, channel: str, packages: Mapping[str, Digest | None]
    ) -> dict[str, GateResult]:
        held = refusals.in_force(unit.session, channel, packages, now=unit.now)
        return {
            excuse.package: GateResult("failed", excuse.reason, excuse.remedy, until=excuse.until) for excuse in held
        }


def asked_again_at(now: datetime, refused_before: int) -> datetime:
    """Return when the signer is asked again about a package: each time after twice as long, up to a day."""
    return now + min(FIRST_WAIT * (1 << min(refused_before, 11)), LONGEST_WAIT)
