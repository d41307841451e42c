"""What many builds wait for, found together, is what a search for each of them finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.reachable import reachable
from farm.core.plan.awaited import awaited_unbuilt
from farm.core.plan.build_order import Needs
from tests.core.plan.test_build_order import GRAPHS, NAMES


@given(GRAPHS, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_it_agrees_with_a_search_for_each(graph: dict[str, Needs], built: set[str], unknown: set[str]) -> None:
    """Also where recipes need each other, and where nothing is known of what a built one needs."""
    needs = {name: needed for name, needed in graph.items() if name not in unknown}
    found = awaited_unbuilt(needs, needs, built)
    for name, needed in needs.items():
        reached = reachable(
            sorted(needed.build), lambda other: needs[other].all if other in built and other in needs else ()
        )
        assert found[name] == frozenset(reached) - built


class CountedNeeds(Needs):
    """Needs that count how often they are asked for."""

    asked = 0

    @property
    def all(self) -> frozenset[str]:
        type(self).asked += 1
        return super().all


def test_each_recipe_is_looked_at_a_few_times_however_many_wait_above_it() -> None:
    """A chain of built recipes on an unbuilt one, and as many builds that need the top of it."""
    chain = [f"built-{number}" for number in range(200)]
    needs = {
        name: CountedNeeds(build=frozenset({below})) for below, name in zip(["unbuilt", *chain], chain, strict=False)
    }
    needs["unbuilt"] = CountedNeeds()
    users = {f"user-{number}": CountedNeeds(build=frozenset({chain[-1]})) for number in range(200)}
    found = awaited_unbuilt(users, needs | users, set(chain))
    assert set(found.values()) == {frozenset({"unbuilt"})}
    assert CountedNeeds.asked <= 3 * (len(chain) + len(users))
