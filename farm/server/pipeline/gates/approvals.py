"""The gate `approvals`: enough people of a group have signed for this very package on this channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.curation import approvals
from farm.server.curation.approving import counts
from farm.server.pipeline.gates.gate_result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.pipeline.gates.gate_result import Arrival
    from farm.server.transaction.unit_of_work import UnitOfWork


class Approvals:
    """`count` different people of `group` have signed, each with the key that the group gives them now."""

    kind = GateKind.APPROVALS

    def __init__(self, group: str, count: int, keys: Mapping[str, str]) -> None:
        """`keys` are the group's public keys (64 hexadecimal digits) by name."""
        self.group = group
        self.count = count
        self.keys = dict(keys)

    def standings(self, unit: UnitOfWork, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that wait for signatures. A key that has changed makes old ones worthless."""
        return self._standings(unit, channel, arrivals, removed=False)

    def departing(self, unit: UnitOfWork, channel: str, departures: Sequence[Arrival]) -> Mapping[str, GateResult]:
        """Return the standing of those that nobody, or too few, have signed away."""
        return self._standings(unit, channel, departures, removed=True)

    def _standings(
        self, unit: UnitOfWork, channel: str, packages: Sequence[Arrival], *, removed: bool
    ) -> Mapping[str, GateResult]:
        signed = approvals.approvals_of(unit.session, channel, (package.digest for package in packages))
        found = {}
        for package in packages:
            given = signed.get(package.digest, ())
            valid = {each.curator for each in given if counts(unit, each, self.keys, removed=removed)}
            if len(valid) < self.count:
                found[package.name] = self._waiting(channel, package, valid, "that it goes" if removed else "it")
        return found

    def _waiting(self, channel: str, package: Arrival, valid: set[str], what: str) -> GateResult:
        others = sorted(self.keys.keys() - valid)
        names = f" ({', '.join(sorted(valid))})" if valid else ""
        so_far = f"{len(valid)} of {self.count} have approved {what}{names}"
        who = f"one of {', '.join(others)}" if len(others) > 1 else "".join(others) or f"somebody in {self.group}"
        return GateResult("waiting", so_far, f"Let {who} sign: `farm approve {channel} {package.name}`.")
