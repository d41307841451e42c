"""Threat 28, a name or sentence that a decision could mistake for a fact: it gets nothing past a gate.

Channels, packages and reasons have exactly the words with which the farm describes rollbacks, ends and states. What
comes from a channel with such a name passes the same checks as from any other channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.core.policy.gates.soak import SoakGate
from farm.server.advisories.advisory_intake import add_advisory
from farm.server.channels import excuses, releases
from farm.server.curation import holds
from farm.server.curation.ordering import promote, retry, rollback, withdraw_order
from farm.server.identities.access import Actor
from farm.server.pipeline.gates.policy_gates import Approvals, package_gate
from farm.server.pipeline.gates.soak import Soak
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.pipeline.pipeline import Pipeline
from tests.core.advisories.osv_documents import osv
from tests.farms.releasing import ReleasingFarm
from tests.farms.small import recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.tables.session import Database

LANES = ("rollback", "rollback-lane", "builds")
STATES = ("rollback", "withdrawn", "refused", "released", "accepted", "waiting", "passed")
HELD = {"a", "b", "c"}
TESTED = "tests:\n  - name: works\n    run: 'true'\n"
ALICE = Actor("token:alice")


@dataclass
class Lane:
    """A farm whose first channel has the given name; `stable` takes from it through the given gates."""

    farm: ReleasingFarm
    stable: Pipeline
    source: str

    def rest(self) -> str:
        """Let the first channel publish what is built, then run stable until it rests; return its state."""
        self.farm.build_all_but_tests()
        while self.farm.advance() not in ("idle", "refused"):
            pass
        for _ in range(30):
            state = self.stable.advance().state
            if state not in ("released", "open"):
                return state
            self.farm.run_tests(failing=("works",))
        raise AssertionError("stable does not come to rest")

    def held(self) -> dict[str, Excuse]:
        with self.farm.application.reading() as unit:
            return {kept.excuse.package: kept.excuse for kept in excuses.open_excuses(unit.session, "stable")}

    def holds(self, channel: str = "stable") -> set[str]:
        with self.farm.application.reading() as unit:
            newest = releases.newest_release(unit.session, channel)
            return set(releases.release_set(unit.session, channel, newest.number)) if newest else set()


def lane(database: Database, directory: Path, source: str, *gates: PackageGate, tests: bool = False) -> Lane:
    farm = ReleasingFarm.open(database, directory, channel=ChannelPolicy(source, (ProofGate(),)))
    with farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "stable", f'{{"from": "{source}"}}')
    policy = ChannelPolicy("stable", (ProofGate(), *([TestsGate()] if tests else [])), source)
    return Lane(farm, farm.pipeline_of(policy, (Holds(), *gates)), source)


def gate_of(kind: str, source: str) -> PackageGate:
    gates: dict[str, PackageGate] = {
        "soak": Soak(SoakGate(timedelta(days=3)), source),
        "approvals": Approvals(ApprovalsGate("curators", 1), {"alice": Digest.of(b"alice").hex}),
        "advisories": package_gate(AdvisoriesGate("low")),
        "hold": Holds(),
    }
    return gates[kind]


@pytest.mark.parametrize("source", LANES)
@pytest.mark.parametrize("kind", ["soak", "approvals", "advisories", "hold", "tests"])
def test_what_comes_from_a_channel_of_any_name_is_asked_everything(
    kind: str, source: str, database: Database, tmp_path: Path
) -> None:
    gates = [] if kind in ("tests", "hold") else [gate_of(kind, source)]
    farm = lane(database, tmp_path, source, *gates, tests=kind == "tests")
    with farm.farm.application.writing() as unit:
        for name in HELD:
            if kind == "advisories":
                document = osv(id=f"EXAMPLE-2026-{name}", package=name, fixed="")
                add_advisory(unit, ALICE, document, allow_unknown=True)
            if kind == "hold":
                holds.add_hold(unit.session, "stable", name, reason="rollback", held_by="alice", now=unit.now)
    farm.farm.submit(*(recipe(name, more=TESTED) for name in sorted(HELD)))

    assert farm.rest() == "refused"

    assert farm.holds(source) == HELD
    assert farm.holds() == set()
    assert {name: excuse.gate for name, excuse in farm.held().items()} == dict.fromkeys(HELD, kind)


@pytest.mark.parametrize("source", LANES)
def test_a_promotion_from_a_channel_of_any_name_is_tested_and_held(
    source: str, database: Database, tmp_path: Path
) -> None:
    farm = lane(database, tmp_path, source, Soak(SoakGate(timedelta(days=3)), source), tests=True)
    with farm.farm.application.writing() as unit:
        holds.add_hold(unit.session, "stable", "a", reason="released", held_by="bob", now=unit.now)
    farm.farm.submit(recipe("a"), recipe("b", more=TESTED), recipe("c"))
    farm.rest()

    with farm.farm.application.writing() as unit:
        promote(unit, ALICE, "stable", origin=source, why="rollback to release 1")
    farm.rest()

    assert farm.holds() == {"c"}, "the promotion goes past the clock, and past nothing else"
    assert farm.held().keys() == {"a", "b"}


def test_packages_that_are_named_like_states_are_held_like_others(database: Database, tmp_path: Path) -> None:
    farm = lane(database, tmp_path, "edge", Approvals(ApprovalsGate("curators", 1), {"alice": Digest.of(b"alice").hex}))
    farm.farm.submit(*map(recipe, STATES))

    assert farm.rest() == "refused"

    assert farm.holds() == set()
    assert set(farm.held()) == set(STATES)


def test_an_order_is_withdrawn_by_its_ending_and_not_by_its_words(database: Database, tmp_path: Path) -> None:
    farm = lane(database, tmp_path, "edge")
    farm.farm.submit(recipe("withdrawn"))
    farm.rest()
    farm.farm.submit(recipe("withdrawn", revision=2))
    farm.rest()
    with farm.farm.application.writing() as unit:
        rollback(unit, ALICE, "stable", 1, why="released: release 2 of stable is published")
    farm.rest()
    assert farm.held().keys() == {"withdrawn"}

    # A withdrawn order lets nothing in, whatever its reason; one in force does, whatever its reason.
    with farm.farm.application.planning() as unit:
        taken_back = retry(unit, ALICE, "stable", packages=["withdrawn"], why="released: release 3 of stable")
        withdraw_order(unit, ALICE, "stable", taken_back.id, why="released: nothing to do")
    farm.rest()
    assert farm.held().keys() == {"withdrawn"}

    with farm.farm.application.writing() as unit:
        retry(unit, ALICE, "stable", packages=["withdrawn"], why="withdrawn by bob: refused")
    farm.rest()
    assert farm.held() == {}
