"""When a channel has settled: everything available is decided, and nothing is in progress."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.server.channels import candidates
from farm.server.channels.excuses import Excuse
from farm.server.curation import curation, ordering, orders
from farm.server.identities.access import Actor
from farm.server.packages import packages
from farm.server.pipeline.candidates.status import channel_status
from farm.server.recipes import recipes
from farm.server.tables.pipeline_states import CandidateState, OrderEnding
from tests.farms.stocked import BUILDS, SAMPLES, StockedFarm, taken_from

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.pipeline.candidates.status import ChannelStatus
    from farm.server.tables.records import Package
    from farm.server.tables.session import Database

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
ANN = Actor("token:ann")


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    farm = StockedFarm.open(database, tmp_path)
    farm.channel("edge")
    return farm


def status(stocked: StockedFarm, channel: str = "edge") -> ChannelStatus:
    with stocked.application.reading() as unit:
        return channel_status(unit.session, channel, now=unit.now)


def current(stocked: StockedFarm) -> list[Package]:
    with stocked.application.reading() as unit:
        return packages.current_packages(unit.session)


def built_again(stocked: StockedFarm, name: str) -> None:
    """Rebuild a recipe, with the same packages as before."""
    with stocked.application.writing() as unit:
        head = recipes.head(unit.session, name)
        assert head is not None
        assert head.built_plan is not None
        recipes.mark_built(
            unit.session,
            name,
            revision_id=head.current,
            plan=head.built_plan,
            newest_plan=head.built_plan,
            now=unit.now,
        )


def test_builds_keep_a_channel_from_settling_until_they_are_decided_about(stocked: StockedFarm) -> None:
    assert status(stocked).settled  # nothing was ever built
    stocked.build_samples(CHAIN)
    assert not status(stocked).settled  # a candidate will be made of it
    stocked.candidate("edge", current(stocked))
    assert not status(stocked).settled
    with stocked.application.writing() as unit:
        candidates.decide(unit.session, 1, CandidateState.REFUSED, reason="x", now=unit.now)
    assert status(stocked).settled
    lease = stocked.begin(replace(CHAIN[2], revision=2))
    assert not status(stocked).settled
    stocked.fail(lease, "no")
    assert status(stocked).settled


def test_a_build_that_comes_to_what_is_there_or_is_held_already_unsettles_nothing(stocked: StockedFarm) -> None:
    members = stocked.build_samples(CHAIN)
    stocked.release("edge", members[:2])  # jq was held back
    held = Excuse(package="jq", gate="tests", reason="x", digest=members[2].digest)
    stocked.hold_back(1, held)
    stocked.clock.passes(60)
    built_again(stocked, "jq")
    assert status(stocked).settled
    stocked.hold_back(1, replace(held, digest=members[0].digest))  # another build than the held one
    assert not status(stocked).settled


def test_what_was_held_back_whole_stays_decided_about_though_one_package_of_it_has_the_excuse(
    stocked: StockedFarm,
) -> None:
    members = stocked.build_samples(CHAIN)
    stocked.release("edge", members[:1])
    # jq and oniguruma move together, as the outputs of one recipe do: the excuse is that of the first.
    stocked.refuse("edge", members, [Excuse(package="jq", gate="tests", reason="x", digest=members[2].digest)])
    assert status(stocked).settled
    stocked.clock.passes(60)
    built_again(stocked, "jq")
    assert status(stocked).settled
    stocked.build_samples([replace(CHAIN[1], revision=2)])
    assert not status(stocked).settled


def test_a_candidate_that_was_superseded_has_decided_nothing(stocked: StockedFarm) -> None:
    stocked.channel("stable", origin="edge")
    members = stocked.build_samples(CHAIN)
    for channel, source in (("edge", BUILDS), ("stable", taken_from("edge", 1))):
        candidate = stocked.candidate(channel, members, source=source)
        with stocked.application.writing() as unit:
            candidates.decide(unit.session, candidate, CandidateState.SUPERSEDED, reason="x", now=unit.now)
        assert not status(stocked, channel).settled
        if channel == "edge":
            stocked.release("edge", members)


def test_what_other_workers_build_again_keeps_a_channel_from_settling_until_they_are_done(
    stocked: StockedFarm,
) -> None:
    stocked.release("edge", stocked.build_samples(CHAIN))
    waits = Excuse(package="jq", gate="reproduced", reason="1 of 2 builders agree", under_way=True)
    stocked.hold_back(1, waits)
    assert not status(stocked).settled
    stocked.hold_back(1, replace(waits, reason="two came to something else", under_way=False))
    assert status(stocked).settled  # only a person can continue


def test_an_order_that_waits_keeps_a_channel_from_settling(stocked: StockedFarm) -> None:
    stocked.release("edge", stocked.build_samples(CHAIN))
    stocked.hold_back(1, Excuse(package="jq", gate="tests", reason="x"))
    assert status(stocked).settled
    with stocked.application.writing() as unit:
        order = ordering.retry(unit, ANN, "edge")
    assert [listed_order.id for listed_order in status(stocked).orders] == [order.id]
    assert not status(stocked).settled
    with stocked.application.writing() as unit:
        orders.finish_order(
            unit.session, order.id, candidate_id=None, ending=OrderEnding.RELEASED, outcome="x", now=unit.now
        )
    assert status(stocked).settled


def test_a_channel_of_another_settles_with_the_newest_release_of_that_one(stocked: StockedFarm) -> None:
    stocked.channel("stable", origin="edge")
    assert status(stocked, "stable").settled
    members = stocked.build_samples(CHAIN)
    stocked.release("edge", members[:1])
    assert not status(stocked, "stable").settled
    stocked.release("stable", members[:1], source=taken_from("edge", 1))
    assert status(stocked, "stable").settled
    stocked.release("edge", members)
    assert not status(stocked, "stable").settled
    stocked.release("edge", members[:1])  # back to what stable holds: there is nothing to take
    assert status(stocked, "stable").settled


def test_what_curators_decided_is_part_of_how_a_channel_stands(stocked: StockedFarm) -> None:
    stocked.release("edge", stocked.build_samples(CHAIN))
    with stocked.application.writing() as unit:
        curation.freeze(unit, ANN, "edge", why="the fair")
        curation.hold(unit, ANN, "edge", "jq", why="loses data")
    form = status(stocked).to_dict()
    assert (form["frozen"]["why"], form["held"][0]["package"], form["newest"]["packages"]) == ("the fair", "jq", 3)
