from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.policy.gates.soak import SoakGate
from farm.server.curation import reports
from farm.server.pipeline.gates.soak import Soak
from tests.farms.small import START, recipe

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel

DAY = Soak(SoakGate(timedelta(days=1)), "edge")


def test_a_package_waits_until_it_has_been_there_long_enough(entrance: GatedChannel) -> None:
    entrance.release("edge", 1, "a")
    standing = entrance.ask(DAY)
    assert (standing["a"].state, standing["a"].until) == ("waiting", START + timedelta(days=1))
    assert standing["a"].reason == "it has been on edge since 2026-11-24 12:00 UTC, and soaks for 1d"
    assert (standing["b"].state, standing["b"].reason) == ("failed", "the newest release of edge does not have it")

    entrance.farm.clock.passes(86399)
    assert entrance.ask(DAY)["a"].state == "waiting"
    entrance.farm.clock.passes(1)
    assert entrance.ask(DAY).keys() == {"b"}


def test_other_packages_that_move_do_not_start_the_clock_again(entrance: GatedChannel) -> None:
    entrance.release("edge", 1, "a")
    entrance.farm.clock.passes(80000)
    entrance.release("edge", 2, "a", "b")
    entrance.farm.clock.passes(6400)

    assert entrance.ask(DAY).keys() == {"b"}


def test_a_new_build_and_a_break_start_it_again(entrance: GatedChannel) -> None:
    entrance.release("edge", 1, "a", "b")
    entrance.farm.clock.passes(80000)
    entrance.release("edge", 2, "a")
    entrance.farm.submit(recipe("a", revision=2))
    entrance.farm.build_all()
    entrance.release("edge", 3, "a", "b")
    entrance.farm.clock.passes(6400)

    assert {name: result.state for name, result in entrance.ask(DAY).items()} == {"a": "waiting", "b": "waiting"}


def test_an_open_report_breaks_it_until_it_is_resolved(entrance: GatedChannel) -> None:
    entrance.release("edge", 1, "a", "b")
    entrance.farm.clock.passes(90000)
    package = entrance.arrivals["a"].digest
    with entrance.farm.application.writing() as unit:
        made = reports.add_report(unit.session, "edge", package, reason="it hangs", reported_by="carol", now=unit.now)

    standing = entrance.ask(DAY)
    assert standing.keys() == {"a"}
    assert (standing["a"].state, standing["a"].until) == ("failed", None)
    assert standing["a"].reason == "carol reported trouble with it on edge: it hangs"
    assert f"farm channel report --resolve {made.id}" in standing["a"].remedy

    with entrance.farm.application.writing() as unit:
        reports.resolve_report(unit.session, made.id, resolved_by="alice", now=unit.now)
    assert entrance.ask(DAY) == {}
