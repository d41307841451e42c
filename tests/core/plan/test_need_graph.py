"""Graphs of needs: as a tree without repetitions, and in a language that graphviz itself reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.plan.graph import BuildGraph
from farm.core.plan.need_graph import Need, NeedGraph, NeedKind, recipe_graph
from farm.core.recipe.recipe import Test
from tests.core.plan.values import recipe

BUILD, RUN, TEST = NeedKind
NAMES = st.sampled_from("abcdefg")
NEEDS = st.dictionaries(NAMES, st.lists(st.builds(Need, st.sampled_from(NeedKind), NAMES), max_size=4))
GRAPHS = NEEDS.map(lambda needs: NeedGraph.of(needs, {}))

EXAMPLE = NeedGraph.of(
    {
        "jq": [Need(BUILD, "oniguruma"), Need(RUN, "glibc"), Need(RUN, "gcc-libs")],
        "oniguruma": [Need(RUN, "glibc")],
        "gcc-libs": [Need(RUN, "glibc")],
        "glibc": [Need(RUN, "gcc-libs"), Need(BUILD, "gcc-libs")],
    },
    {"jq": "1.7.1-1"},
)


def test_the_needs_of_a_package_are_listed_once() -> None:
    assert list(EXAMPLE.tree(["jq"])) == [
        "jq 1.7.1-1",
        "├── gcc-libs (run)",
        "│   └── glibc (run)",
        "│       └── gcc-libs (build, run) (*)",
        "├── glibc (run) (*)",
        "└── oniguruma (build)",
        "    └── glibc (run) (*)",
    ]


def test_a_depth_bounds_the_tree_and_hides_nothing_behind_a_mark() -> None:
    assert list(EXAMPLE.tree(["jq"], 1)) == [
        "jq 1.7.1-1",
        "├── gcc-libs (run)",
        "├── glibc (run)",
        "└── oniguruma (build)",
    ]
    assert list(EXAMPLE.tree(["jq"], 0)) == ["jq 1.7.1-1"]


def test_the_reverse_shows_what_needs_a_package() -> None:
    reverse = EXAMPLE.reverse()
    assert list(reverse.tree(["oniguruma"])) == ["oniguruma", "└── jq 1.7.1-1 (build)"]
    assert reverse.form(["oniguruma"], reverse=True)["needs"] == [
        {"package": "jq", "needs": "oniguruma", "kind": "build"}
    ]


@given(GRAPHS)
def test_reversing_twice_changes_nothing(graph: NeedGraph) -> None:
    assert graph.reverse().reverse() == graph


@given(GRAPHS, st.none() | st.integers(0, 4))
def test_every_package_in_reach_is_in_the_tree_and_its_needs_once(graph: NeedGraph, depth: int | None) -> None:
    tops = graph.tops()
    assert set(graph.within(tops)) == graph.needs.keys()
    lines = list(graph.tree(tops, depth))
    shown = {line.lstrip("│├└─ ").split()[0] for line in lines}
    assert shown == set(graph.within(tops, depth))
    edges = len({(name, need.name) for name, needs in graph.needs.items() for need in needs})
    assert len(lines) <= len(tops) + edges if depth is None else True


def test_a_long_chain_is_walked_without_recursion() -> None:
    chain = NeedGraph.of({str(number): [Need(RUN, str(number + 1))] for number in range(3000)}, {})
    assert chain.tops() == ["0"]
    assert len(chain.within(["0"])) == 3001
    assert sum(1 for _ in chain.tree(["0"])) == 3001


@pytest.mark.skipif(not shutil.which("dot"), reason="needs graphviz")
@given(NEEDS)
def test_graphviz_reads_the_same_graph(needs: dict[str, list[Need]]) -> None:
    odd = {name: f'{name} " n→' for name in "abcdefg"}  # what has to be escaped
    graph = NeedGraph.of({odd[name]: [Need(k, odd[n]) for k, n in given] for name, given in needs.items()}, {})
    text = "\n".join(graph.dot(graph.tops()))
    read = json.loads(
        subprocess.run(["dot", "-Tdot_json"], input=text, capture_output=True, text=True, check=True).stdout
    )
    names = {node["_gvid"]: node["name"] for node in read.get("objects", [])}
    style = {"solid": BUILD, "dashed": RUN, "dotted": TEST}
    found = sorted((names[e["tail"]], Need(style[e["style"]], names[e["head"]])) for e in read.get("edges", []))
    assert found == sorted((name, need) for name, of_name in graph.needs.items() for need in of_name)
    assert {names[number] for number in names} == graph.needs.keys()


def test_recipes_need_what_they_name_and_what_their_toolchain_needs_at_run_time() -> None:
    recipes = {
        found.name: found
        for found in (
            replace(
                recipe("jq", build_needs=("oniguruma",), requires=("base", "command:sh", "other.example/x"),
                       tests=(Test("adds", run="jq", needs=("bash",)),)),
                toolchain="full",
            ),
            recipe("oniguruma"), recipe("base"), recipe("bash"), recipe("glibc"),
        )
    }  # fmt: skip
    graph = recipe_graph(recipes, BuildGraph.of(recipes), {"full": ["glibc"]}, list(NeedKind))
    assert graph.needs["jq"] == (Need(BUILD, "oniguruma"), Need(RUN, "base"), Need(RUN, "glibc"), Need(TEST, "bash"))
    built = recipe_graph(recipes, BuildGraph.of(recipes), {"full": ["glibc"]}, [BUILD])
    assert built.needs["jq"] == (Need(BUILD, "oniguruma"),)
