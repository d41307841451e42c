"""The order of builds from direct needs alone agrees with that of the whole graph, which walks every path."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.plan.build_order import Needs, build_order
from farm.core.plan.graph import DependencyCycleError
from tests.core.plan.closures import waits_for

NAMES = "abcdefg"
SOME = st.frozensets(st.sampled_from(NAMES), max_size=3)
GRAPHS = st.fixed_dictionaries({name: st.builds(Needs, build=SOME, run=SOME) for name in NAMES})


def needs(build: str = "", run: str = "") -> Needs:
    return Needs(frozenset(build), frozenset(run))


@given(GRAPHS)
def test_each_recipe_comes_after_all_that_its_build_waits_for_unless_it_waits_for_itself(
    graph: dict[str, Needs],
) -> None:
    waits = {name: waits_for(graph, name) for name in graph}
    if any(name in waits[name] for name in graph):
        with pytest.raises(DependencyCycleError) as caught:
            build_order(graph)
        cycle = caught.value.cycle
        assert cycle[0] == cycle[-1] == min(cycle)
        assert all(right in graph[left].all for left, right in pairwise(cycle))
        assert any(right in graph[left].build for left, right in pairwise(cycle))
        return
    order = build_order(graph)
    assert sorted(order) == sorted(graph)
    for place, name in enumerate(order):
        assert waits[name] <= set(order[:place])


def test_recipes_that_need_nothing_of_each_other_are_in_the_order_of_their_names() -> None:
    assert build_order({"c": needs(), "a": needs("z"), "b": needs()}) == ("a", "b", "c")


def test_what_is_required_at_run_time_may_form_a_cycle() -> None:
    assert build_order({"a": needs("c"), "b": needs(run="c"), "c": needs(run="b")}) == ("b", "c", "a")


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"x": needs("x")}, "xx"),
        ({"b": needs("a"), "a": needs("b")}, "aba"),
        ({"y": needs("z"), "z": needs(run="q"), "q": needs(run="y")}, "qyzq"),
        ({"c": needs("b"), "b": needs("a"), "a": needs("c b"), "b2": needs("a")}, "aba"),
    ],
)
def test_the_shortest_cycle_is_named_from_its_first_name(graph: dict[str, Needs], cycle: str) -> None:
    with pytest.raises(DependencyCycleError) as caught:
        build_order(graph)
    assert caught.value.cycle == tuple(cycle)


def test_a_chain_is_as_long_as_it_likes() -> None:
    names = [f"p{number:05}" for number in range(20_000)]
    chain = {name: Needs(frozenset([other])) for other, name in pairwise(names)}
    assert build_order({names[0]: Needs(), **chain}) == tuple(names)
