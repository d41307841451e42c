"""Edge and a channel that takes from it, in one small farm: what edge gets is a candidate for stable as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate
from farm.server.channels import excuses, releases
from farm.server.curation import orders
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.server.channels.excuses import Excuse
    from farm.server.curation.orders import OrderKind
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.pipeline import Pipeline
    from tests.farms.releasing import ReleasingFarm

STABLE = ChannelPolicy("stable", (ProofGate(),), "edge")


@dataclass
class TwoChannels:
    edge: ReleasingFarm
    stable: Pipeline

    @classmethod
    def open(cls, releasing: ReleasingFarm, *gates: PackageGate) -> TwoChannels:
        """Let stable take from edge, through these gates after the gate of holds, which every channel has."""
        with releasing.application.writing() as unit:
            releases.ensure_channel(unit.session, "stable", '{"from": "edge"}')
        return cls(releasing, pipeline(releasing, *gates))

    def settle(self) -> str:
        """Let edge decide, then stable; return stable's final state."""
        self.edge.settle()
        for _ in range(20):
            state = self.stable.advance().state
            if state not in ("released", "open"):
                return state
        raise AssertionError("stable does not settle")

    def roll_back(self, channel: str, number: int) -> None:
        order(self.edge, "rollback", {"number": number}, channel=channel)

    def holds(self, channel: str = "stable") -> set[str]:
        """The names of the packages in the newest release of a channel."""
        with self.edge.application.reading() as unit:
            newest = releases.newest_release(unit.session, channel)
            return set(releases.release_set(unit.session, channel, newest.number)) if newest else set()

    def excuses(self, channel: str = "stable") -> dict[str, Excuse]:
        with self.edge.application.reading() as unit:
            return {kept.excuse.package: kept.excuse for kept in excuses.open_excuses(unit.session, channel)}


def pipeline(releasing: ReleasingFarm, *gates: PackageGate) -> Pipeline:
    return releasing.pipeline_of(STABLE, (Holds(), *gates))


def order(
    releasing: ReleasingFarm, kind: OrderKind, detail: Mapping[str, object], *, channel: str = "edge"
) -> orders.Order:
    with releasing.application.writing() as unit:
        return orders.add_order(
            unit.session,
            channel,
            kind,
            detail=detail,
            reason="it ate my homework",
            ordered_by="alice",
            now=unit.now,
        )
