"""A newcomer's first build with the channel of a real farm: what it has from the same plan is fetched, not built."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.build.local_builds import RECIPES, recipe_files
from tests.distribution.conftest import empty_host
from tests.farms.running import Ran, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

PUBLISHED = ("gcc-libs", "glibc", "greet")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    """A farm whose channel has the C library and `greet`; its tree has the program `hello` too."""
    folder = tmp_path_factory.mktemp("prebuilt")
    tree = folder / "recipes"
    for path, content in recipe_files().items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    (tree / "channels").mkdir()
    shutil.copy(RECIPES / "channels" / "edge.yaml", tree / "channels")
    farm = RunningFarm(folder / "farm", empty_host(folder), recipes=tree)
    try:
        farm.start()
        farm.submit(*(tree / "packages" / name for name in PUBLISHED)).done()
        yield farm
    finally:
        farm.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def newcomer(farm: RunningFarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Somebody with a clone of the tree, a subscription, and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(farm.recipes, folder / "recipes")
    elsewhere = replace(farm, host=empty_host(folder), recipes=folder / "recipes", process=None)
    found = Newcomer(elsewhere, folder / "state")
    found.run("subscribe", f"{farm.url}/repository", "edge", "--fingerprint", farm.fingerprint).done()
    yield found
    shutil.rmtree(folder, ignore_errors=True)


class Newcomer:
    """Runs commands with a state and a host of their own."""

    def __init__(self, farm: RunningFarm, state: Path) -> None:
        self._farm = farm
        self._state = state
        self.recipes = farm.recipes

    def run(self, *arguments: str) -> Ran:
        return self._farm.run(*arguments, state=self._state)

    def states(self, *arguments: str) -> tuple[dict[str, str], Ran]:
        """Build, and return how each recipe was obtained."""
        ran = self.run("build", *arguments, "--json").done()
        form: dict[str, Any] = json.loads(ran.output)
        return {recipe["recipe"]: recipe["state"] for recipe in form["recipes"]}, ran


def test_the_first_build_of_a_leaf_fetches_what_the_channel_has(newcomer: Newcomer) -> None:
    states, ran = newcomer.states("hello")
    assert states == {"greet": "fetched", "hello": "built"}
    fetched, building, *_ = ran.message.splitlines()
    assert fetched == "[1/2] fetched greet"
    assert building.startswith("[2/2] building hello, log: ")
    assert newcomer.states("hello")[0] == {"greet": "kept", "hello": "kept"}
    tested = newcomer.run("test", "hello").done()
    assert tested.output.splitlines()[-1] == "1 passed, 0 failed"
    assert "fetched glibc" in tested.message


def test_a_changed_flag_of_a_dependency_builds_it_and_says_why(newcomer: Newcomer) -> None:
    recipe = newcomer.recipes / "packages" / "greet" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("toolchain: c\n", "toolchain: c\nenvironment: {CFLAGS: -O1}\n"))
    states, ran = newcomer.states("hello", "--verbose")
    assert states == {"greet": "built", "hello": "built"}
    release = "dist.example.org/edge release 1"
    assert f"greet is built: its plan is not that of {release}, by flag CFLAGS" in ran.message.splitlines()


def test_against_the_channel_the_tree_s_own_recipe_does_not_matter(newcomer: Newcomer) -> None:
    (newcomer.recipes / "packages" / "greet" / "greet.c").write_text("no C\n")
    states, ran = newcomer.states("hello", "--against", "edge")
    assert states == {"greet": "fetched", "hello": "built"}
    said = "built against dist.example.org/edge release 1: from the tree's recipes, a farm may make something else"
    assert said in ran.message
    assert "built against" in newcomer.states("hello", "--against", "edge")[1].message
    failed = newcomer.run("build", "hello", "--against", "stable")
    assert (failed.status, "no subscription is called 'stable'" in failed.message) == (1, True)


def test_without_a_channel_everything_is_built_to_the_same(newcomer: Newcomer) -> None:
    with_channel = newcomer.run("plan", "greet").done().output
    assert newcomer.run("plan", "greet", "--no-channel").done().output == with_channel
    assert newcomer.states("greet", "--channel", "none")[0] == {"greet": "built"}
    assert newcomer.run("build", "greet", "--channel", "edge", "--no-channel").status == 2
