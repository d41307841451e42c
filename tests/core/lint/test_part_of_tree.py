"""What is read of a tree in which recipes have problems: the part that some packages need."""

from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.lint.part_of_tree import RecipeScope, load_part
from farm.core.plan.graph import BuildGraph, MissingDependencyError
from farm.core.plan.need_graph import NeedKind
from farm.errors import FarmError
from tests.core.lint.examples import named, tree

BROKEN = "home: nowhere\n"
TESTS = "tests:\n  - command: [greeter]\n    needs: [bash]\n"


def part(
    *names: str, kinds: tuple[NeedKind, ...] = (), own_tests: bool = False, **recipes: str
) -> tuple[list[str], tuple[str, ...]]:
    """Return the recipes that are read for `names`, and those that are left out, of recipes of these keys."""
    files = tree(**{name.replace("_", "-"): named(name.replace("_", "-"), keys) for name, keys in recipes.items()})
    found = load_part(files, RecipeScope(names, kinds, own_tests))
    graph = BuildGraph.of(found.recipes, whole=found.is_whole)
    assert set(graph.needed_for(names)) <= {*found.recipes}
    return list(found.recipes), found.left_out


def problems(*names: str, kinds: tuple[NeedKind, ...] = (), own_tests: bool = False, **recipes: str) -> set[str]:
    with pytest.raises(RecipeError) as caught:
        part(*names, kinds=kinds, own_tests=own_tests, **recipes)
    return {problem.place.file.removeprefix("packages/").partition("/")[0] for problem in caught.value.problems}


def test_a_tree_without_problems_is_whole() -> None:
    recipes, left_out = part("hello", greeter="build-needs: [zlib]\n")
    assert {"hello", "greeter", "zlib", "bash", "glibc", "gcc-libs"} == set(recipes)
    assert left_out == ()


def test_problems_of_what_is_needed_are_refused_and_others_left_out() -> None:
    assert part("greeter", greeter="build-needs: [zlib]\n", bash=BROKEN) == (["greeter", "zlib"], ("bash",))
    assert problems("greeter", greeter="build-needs: [zlib]\n", bash=BROKEN, zlib=BROKEN) == {"zlib"}
    assert problems("greeter", greeter="build-needs: [zlib]\n", zlib=f"{BROKEN}requires: [bash]\n", bash=BROKEN) == {
        "zlib",
        "bash",
    }
    # Needed at run time by what it is built with, and for an output.
    assert problems("greeter-doc", greeter="build-needs: [zlib]\n", zlib="requires: [bash-doc]\n", bash=BROKEN) == {
        "bash"
    }


@pytest.mark.parametrize("text", ["name: [", "- a\n", "\xff", "name: bash\n" + "x: y\n" * 60])
def test_a_text_that_cannot_be_read_at_all_is_left_out_too(text: str) -> None:
    files = tree() | {"packages/bash/recipe.yaml": text.encode("latin-1")}
    found = load_part(files, RecipeScope(("greeter",)))
    assert (list(found.recipes), found.left_out) == (["greeter", "zlib"], ("bash",))
    with pytest.raises(RecipeError, match=r"packages/bash/recipe\.yaml"):
        load_part(files, RecipeScope(("bash-debug",)))
    with pytest.raises(RecipeError, match=r"packages/bash/recipe\.yaml"):
        load_part(files, None)


def test_what_is_wrong_between_other_recipes_is_left_out_as_well() -> None:
    cycle = {"a": "build-needs: [b]\n", "b": "build-needs: [a]\n"}
    assert part("greeter", **cycle, bash="build-needs: [nosuch]\n")[1] == ("a", "bash")
    assert problems("b", **cycle) == {"a"}
    assert problems("a", bash="build-needs: [nosuch]\n", a="build-needs: [bash]\n") == {"bash"}


def test_the_toolchains_packages_belong_to_what_runs_and_not_to_what_is_built() -> None:
    assert part("zlib", glibc=BROKEN) == (["zlib"], ("glibc",))
    assert problems("zlib", kinds=(NeedKind.RUN,), glibc=BROKEN) == {"glibc"}
    assert part("zlib", kinds=(NeedKind.RUN,), bash=BROKEN)[0] == ["gcc-libs", "glibc", "zlib"]


def test_needs_of_tests_belong_to_what_is_tested_alone() -> None:
    greeter = f"build-needs: [zlib]\n{TESTS}"
    assert part("greeter", greeter=greeter, bash=BROKEN) == (["greeter", "zlib"], ("bash",))
    assert problems("greeter", own_tests=True, greeter=greeter, bash=BROKEN) == {"bash"}
    zlib = TESTS.replace("greeter", "zlib")
    assert part("greeter", own_tests=True, greeter="build-needs: [zlib]\n", zlib=zlib, bash=BROKEN)[1] == ("bash",)
    assert problems("greeter", kinds=(NeedKind.TEST,), greeter="build-needs: [zlib]\n", zlib=zlib, bash=BROKEN) == {
        "bash"
    }


def test_only_tests_may_name_what_was_left_out() -> None:
    greeter = load_part(tree(greeter=named("greeter", TESTS)), None).recipes["greeter"]
    with pytest.raises(MissingDependencyError):
        BuildGraph.of({"greeter": greeter})
    assert BuildGraph.of({"greeter": greeter}, whole=False).test_needs == {"greeter": ()}
    hello = load_part(tree("build-needs: [greeter]\n"), None).recipes["hello"]
    with pytest.raises(MissingDependencyError):
        BuildGraph.of({"hello": hello}, whole=False)


def test_two_makers_of_what_is_needed_are_refused_whichever_has_the_problem() -> None:
    output = "outputs: {x: [libexec/**]}\n"
    for keys, wrong in ((output, {"a-x"}), (f"{output}home: nowhere\n", {"a"})):
        for name in ("a", "a-x"):
            assert problems(name, a=keys, a_x="") == wrong
            assert problems("greeter", greeter=f"build-needs: [{name}]\n", a=keys, a_x="") == wrong
        assert {*part("greeter", a=keys, a_x="")[1]} == wrong


def test_files_of_the_whole_tree_are_needed_always() -> None:
    files = tree(bash=named("bash", BROKEN)) | {"channels/edge.yaml": b"gates: [prof]\n"}
    with pytest.raises(RecipeError) as caught:
        load_part(files, RecipeScope(()))
    assert {problem.place.file for problem in caught.value.problems} == {"channels/edge.yaml"}


def test_an_unknown_name_needs_the_whole_tree() -> None:
    assert problems("nosuch", bash=BROKEN) == {"bash"}


def test_files_that_could_not_be_read_are_refused_where_they_are_needed() -> None:
    files = tree(bash=named("bash", BROKEN))
    error = FarmError("packages/bash/secret is not a regular file")
    assert load_part(files, RecipeScope(("zlib",)), {"bash": error}).left_out == ("bash",)
    del files["packages/bash/recipe.yaml"]
    assert load_part(files, RecipeScope(("zlib",)), {"bash": error}).left_out == ("bash",)
    for scope in (RecipeScope(("bash",)), RecipeScope(("bash-doc",)), None):
        with pytest.raises(FarmError, match="is not a regular file"):
            load_part(files, scope, {"bash": error})
