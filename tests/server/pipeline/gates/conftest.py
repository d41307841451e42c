"""A small farm with the packages `a` and `b`, which are on edge and are candidates for stable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.server.channels import releases
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.pipeline.gates.gate_result import PackageGate, PackageGateResult
    from farm.server.tables.records import Package
    from farm.server.tables.session import Database


@dataclass
class GatedChannel:
    """The candidate before the gates of stable."""

    farm: SmallFarm

    @property
    def arrivals(self) -> dict[str, Package]:
        return self.farm.current()

    def ask(self, gate: PackageGate, channel: str = "stable") -> dict[str, PackageGateResult]:
        arrivals = tuple(self.arrivals.values())
        with self.farm.application.planning() as unit:
            return dict(gate.check(unit, channel, arrivals))

    def release(self, channel: str, number: int, *names: str) -> None:
        """Publish a release that holds these packages in their current state, and no others."""
        wanted = {name: self.arrivals[name].digest for name in names}
        with self.farm.application.writing() as unit:
            before = releases.release_set(unit.session, channel, number - 1)
            gone: dict[str, Digest | None] = dict.fromkeys(before.keys() - wanted.keys())
            fresh = {name: digest for name, digest in wanted.items() if before.get(name) != digest}
            record = releases.add_release(
                unit.session,
                channel=channel,
                number=number,
                candidate_id=None,
                digest=Digest.of(f"{channel} {number}".encode()),
                set_digest=Digest.of(repr(wanted).encode()),
                previous=None,
                packages=len(wanted),
                changes=gone | fresh,
                needs={},
                trace="trace",
                now=unit.now,
            )
            releases.mark_published(unit.session, record.id, now=unit.now)


@pytest.fixture
def entrance(database: Database, tmp_path: Path) -> GatedChannel:
    farm = SmallFarm.open(database, tmp_path)
    with farm.application.writing() as unit:
        for channel in ("edge", "stable"):
            releases.ensure_channel(unit.session, channel, "{}")
    farm.submit(recipe("a"), recipe("b"))
    farm.build_all()
    return GatedChannel(farm)
