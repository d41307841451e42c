from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.server.curation import holds
from farm.server.pipeline.gates.standing_gates import Holds
from tests.farms.small import START

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel


def test_what_a_curator_holds_stays_out_until_it_is_lifted(entrance: GatedChannel) -> None:
    with entrance.farm.application.writing() as unit:
        holds.add_hold(unit.session, "stable", "a", reason="breaks scripts", held_by="token:alice", now=START)

    standing = entrance.ask(Holds())
    assert standing.keys() == {"a"}
    assert standing["a"].state == "failed"
    assert standing["a"].reason == "token:alice holds it on stable: breaks scripts"
    assert entrance.ask(Holds(), "edge") == {}

    with entrance.farm.application.writing() as unit:
        holds.lift_hold(unit.session, "stable", "a", lifted_by="token:bob", now=START)
    assert entrance.ask(Holds()) == {}


def test_a_hold_with_an_end_waits_for_the_clock(entrance: GatedChannel) -> None:
    end = START + timedelta(hours=1)
    with entrance.farm.application.writing() as unit:
        holds.add_hold(unit.session, "stable", "a", reason="x", held_by="alice", now=START, until=end)

    standing = entrance.ask(Holds())["a"]
    assert (standing.state, standing.until) == ("waiting", end)

    entrance.farm.clock.passes(3600)
    assert entrance.ask(Holds()) == {}
