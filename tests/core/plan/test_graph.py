"""What must be built before what."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.declared import Output
from farm.core.plan.graph import (
    BuildGraph,
    DependencyCycleError,
    DuplicatePackageError,
    MissingDependencyError,
    UnknownRecipeError,
)
from farm.core.recipe.recipe import Test
from tests.core.plan.values import recipe


def graph(*recipes):
    return BuildGraph.of({node.name: node for node in recipes})


def small_distribution():
    return graph(
        recipe("jq", build_needs=("oniguruma",), tests=(Test("adds", run="jq", needs=("bash",)),)),
        recipe("bash", build_needs=("readline", "ncurses"), requires=("base-files",)),
        recipe("readline", build_needs=("ncurses",)),
        recipe("ncurses"),
        recipe("oniguruma"),
        recipe("base-files"),
    )


def test_each_recipe_comes_after_what_it_needs_and_otherwise_by_name():
    assert small_distribution().order() == ("base-files", "ncurses", "oniguruma", "jq", "readline", "bash")


def test_levels_are_what_can_be_built_side_by_side():
    assert small_distribution().levels == (("base-files", "ncurses", "oniguruma"), ("jq", "readline"), ("bash",))


def test_a_package_that_is_required_in_one_version_is_made_by_its_recipe_all_the_same():
    built = graph(recipe("a", requires=("b=1.0-1", "other.example/c=2.0")), recipe("b"))
    assert built.requires["a"] == ("b",)
    with pytest.raises(MissingDependencyError, match="b"):
        graph(recipe("a", requires=("b=1.0-1",)))


def test_needed_are_the_build_needs_and_what_is_required_to_run():
    assert small_distribution().needed_for(["jq"]) == ("oniguruma", "jq")
    assert small_distribution().needed_for(["bash"]) == ("base-files", "ncurses", "readline", "bash")


def test_dependents_are_found_through_others():
    assert small_distribution().dependents(["ncurses"]) == ("readline", "bash")


def test_a_build_waits_for_what_its_needs_require_at_run_time():
    built = graph(recipe("a", build_needs=("script",)), recipe("script", requires=("shell",)), recipe("shell"))
    assert built.needs["a"] == ("script", "shell")


def test_requirements_at_run_time_may_form_a_cycle():
    assert graph(recipe("a", requires=("b",)), recipe("b", requires=("a",))).needed_for(["a"]) == ("a", "b")


def test_a_need_may_name_an_output():
    built = graph(recipe("a", build_needs=("zlib-dev", "zlib-doc")), recipe("zlib", outputs=(Output("dev", ("*",)),)))
    assert built.needs["a"] == ("zlib",)


def test_names_of_other_distributions_are_built_elsewhere():
    assert graph(recipe("a", build_needs=("other.example/openssl",))).needed_for(["a"]) == ("a",)


def test_missing_dependencies_are_told_together_with_the_nearest_names():
    with pytest.raises(MissingDependencyError) as caught:
        graph(recipe("jq", build_needs=("onigurama",)), recipe("oniguruma", requires=("nothing-like-it",)))
    assert caught.value.message == (
        "recipes need packages that no recipe makes:\n"
        "  jq needs 'onigurama', which no recipe makes. Did you mean oniguruma or oniguruma-doc or oniguruma-debug?\n"
        "  oniguruma needs 'nothing-like-it', which no recipe makes"
    )
    assert caught.value.remedy == "Correct the name, or write a recipe for it."


def test_the_nearest_names_of_a_single_missing_dependency_are_its_remedy():
    with pytest.raises(MissingDependencyError, match=r"^jq needs 'onigurama', which no recipe makes$") as caught:
        graph(recipe("jq", build_needs=("onigurama",)), recipe("oniguruma"))
    assert caught.value.remedy.startswith(
        "Did you mean oniguruma or oniguruma-doc or oniguruma-debug? Correct the name"
    )


def test_a_cycle_is_named():
    with pytest.raises(DependencyCycleError) as caught:
        graph(recipe("b", build_needs=("c",)), recipe("c", build_needs=("a",)), recipe("a", build_needs=("b", "d")),
              recipe("d"), recipe("user", build_needs=("a",)))  # fmt: skip
    assert caught.value.message == "these recipes need each other to be built: a → b → c → a"


def test_a_cycle_through_what_a_need_requires_at_run_time_is_spelt_out():
    with pytest.raises(DependencyCycleError) as caught:
        graph(recipe("a", build_needs=("b",)), recipe("b", requires=("c",)), recipe("c", requires=("a",)))
    assert caught.value.cycle == ("a", "b", "c", "a")


def test_two_recipes_cannot_make_one_package():
    with pytest.raises(DuplicatePackageError, match="the recipes zlib and zlib-dev both make a package 'zlib-dev'"):
        graph(recipe("zlib", outputs=(Output("dev", ("*",)),)), recipe("zlib-dev"))


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownRecipeError) as caught:
        small_distribution().needed_for(["bsh"])
    assert caught.value.remedy == "Did you mean bash?"


@given(st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=30), st.randoms())
def test_order_holds_for_any_graph_without_cycles(needs, random):
    # A recipe needs only those with a smaller number, under shuffled names.
    names = [f"p{number}" for number in range(len(needs))]
    random.shuffle(names)
    recipes = [
        recipe(names[number], build_needs=tuple(names[need] for need in wanted if need < number))
        for number, wanted in enumerate(needs)
    ]
    built = graph(*recipes)
    order = built.order()
    assert sorted(order) == sorted(names)
    position = {name: place for place, name in enumerate(order)}
    assert all(position[need] < position[node.name] for node in recipes for need in node.build_needs)
    random.shuffle(recipes)
    assert graph(*recipes) == built
    assert [name for level in built.levels for name in sorted(level)] == [
        name for level in built.levels for name in level
    ]


@given(
    st.lists(st.sets(st.integers(0, 5), max_size=2), min_size=1, max_size=6),
    st.lists(st.sets(st.integers(0, 5), max_size=2), min_size=6, max_size=6),
)
def test_a_cycle_that_is_told_is_one(builds, requires):
    names = [f"p{number}" for number in range(len(builds))]

    def pick(wanted):
        return tuple(names[need] for need in sorted(wanted) if need < len(names))

    recipes = [
        recipe(name, build_needs=pick(builds[number]), requires=pick(requires[number]))
        for number, name in enumerate(names)
    ]
    by_name = {node.name: node for node in recipes}
    try:
        cycle = ()
        built = graph(*recipes)
    except DependencyCycleError as error:
        cycle = error.cycle
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(right in by_name[left].build_needs + by_name[left].requires for left, right in pairwise(cycle))
    else:
        assert sorted(built.order()) == names
