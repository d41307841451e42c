"""What a shell completes: names of recipes, kept builds, tests and steps, of the tree that is named; and others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from farm.build.local.shell import number_of_step
from farm.cli.main import farm
from farm.cli.subscribe.completion import completion_script
from farm.core.recipe.recipe import Step
from tests.core.plan.values import RECIPE as RECIPE_OF_A_PLAN
from tests.core.plan.values import planned

RECIPES = Path(__file__).parents[2] / "recipes"
RECIPE = "name: {name}\ntests:\n  - {{name: it runs, command: [{name}]}}\n  - {{name: it ends, command: [{name}]}}\n"


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("gzip", "grep", "zlib"):
        place = tmp_path / "recipes" / "packages" / name
        place.mkdir(parents=True)
        (place / "recipe.yaml").write_text(RECIPE.format(name=name))
    (tmp_path / "recipes" / "packages" / "grep" / "recipe.yaml").write_text("name: [")
    (tmp_path / "state" / "kept" / "gzip@2").mkdir(parents=True)
    monkeypatch.setenv("FARM_RECIPES", str(tmp_path / "recipes"))
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    return tmp_path


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    return [item.value for item in ShellComplete(farm, {}, "farm", "_FARM").get_completions(before, incomplete)]


@pytest.mark.parametrize("verb", ["build", "test", "rebuild", "plan", "log"])
def test_verbs_of_recipes_complete_their_names(verb: str) -> None:
    assert completed(verb, "g") == ["grep", "gzip"]
    assert completed(verb, "zl") == ["zlib"]


@pytest.mark.parametrize("words", [("shell",), ("files",), ("patch",), ("kept",), ("build", "--resume")])
def test_verbs_of_kept_builds_complete_these_too(words: tuple[str, ...]) -> None:
    assert completed(*words, "gz") == ["gzip", "gzip@2"]


def test_names_of_tests_are_those_of_the_recipes_before_them() -> None:
    assert completed("test", "gzip", "zlib", "--only", "it r") == ["it runs"]
    assert completed("test", "gzip", "--only", "") == ["it ends", "it runs"]
    assert completed("test", "grep", "gone", "--only", "") == []


def test_steps_are_those_of_the_recipe_in_their_order(tree: Path) -> None:
    shutil.copytree(RECIPES / "steps", tree / "recipes" / "steps")
    broken = "name: gzip\nsteps:\n  - autotools: {}\n  - no-such-step\n  - run: x\n    name: a last one\n"
    (tree / "recipes" / "packages" / "gzip" / "recipe.yaml").write_text(broken)
    found = completed("shell", "gzip", "--before", "")
    assert found.index("autotools: configure") < found.index("a last one")
    assert completed("shell", "gzip@2", "--before", "a l") == ["a last one"]
    for name in ("grep", "gone", "12"):
        assert completed("shell", name, "--before", "") == []


def test_each_step_that_is_completed_is_one_that_shell_takes(tree: Path) -> None:
    shutil.copytree(RECIPES / "steps", tree / "recipes" / "steps")
    text = "name: gzip\nsteps:\n  - autotools: {}\n  - license: {files: [COPYING]}\n"
    (tree / "recipes" / "packages" / "gzip" / "recipe.yaml").write_text(text)
    found = completed("shell", "gzip", "--before", "")
    assert "license" in found
    recorded = [Step("licence" if name == "license" else name, "true") for name in found]  # as plans have it
    plan = planned(replace(RECIPE_OF_A_PLAN, steps=tuple(recorded)))
    titles = [step.title for step in plan.steps]
    assert [number_of_step(plan.name.short, plan.steps, name) for name in found] == [
        titles.index(name) for name in found
    ]
    assert number_of_step(plan.name.short, plan.steps, "licence") == titles.index("license")


def test_rules_are_completed_by_their_codes() -> None:
    assert completed("lint", "--explain", "S10") == [f"S10{number}" for number in range(1, 7)]
    assert completed("lint", "--explain", "s") == completed("lint", "--explain", "S10")
    assert completed("lint", "--select", "S")[:2] == ["S", "S101"]
    assert completed("lint", "gzip", "--ignore", "D10") == ["D101", "D102", "D103", "D104"]


@pytest.mark.parametrize(
    "words",
    [("build", "--channel"), ("build", "--against"), ("install", "--channel"), ("graph", "--channel"),
     ("mirror", "to", "--channel"), ("unsubscribe",), ("subscriptions", "set")],
)  # fmt: skip
def test_channels_are_those_that_are_subscribed(tree: Path, words: tuple[str, ...]) -> None:
    assert completed(*words, "dist") == []
    for channel in ("dist.example.org/edge", "dist.example.org/stable", "other.example.org/stable"):
        distribution, _, name = channel.partition("/")
        place = tree / "state" / "subscriptions" / channel
        place.mkdir(parents=True)
        form = {"distribution": distribution, "channel": name, "address": "http://127.0.0.1:9", "mirrors": []}
        (place / "subscription.json").write_text(json.dumps(form | {"fingerprint": f"sha256:{'0' * 64}"}))
    assert completed(*words, "dist") == ["dist.example.org/edge", "dist.example.org/stable"]
    assert completed(*words, "ed") == ["edge"]
    assert completed(*words, "stab") == []  # of two distributions
    assert completed("build", "--channel", "no") == ["none"]


def test_no_farm_is_waited_for_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_URL", "http://127.0.0.1:9")
    assert completed("git", "show", "") == []


@pytest.mark.parametrize(
    ("word", "inserted"), [("it", "it\\ runs"), ("'it r", "it runs"), ('"it r', "it runs"), ("it\\ r", "it\\ runs")]
)
def test_bash_inserts_names_as_one_word(tree: Path, word: str, inserted: str) -> None:
    script = tree / "completion"
    script.write_text(completion_script("bash"))
    line = (
        'source "$0"; COMP_WORDS=(farm test gzip --only "$1"); COMP_CWORD=4; _farm_completion farm; echo "$COMPREPLY"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tree / "recipes" / "packages" / "gzip" / "recipe.yaml").write_text("tests: [{name: it runs}]\n")
    ended = subprocess.run(
        ["bash", "-c", line, script, word], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{inserted}\n"


def test_another_tree_can_be_named(tree: Path) -> None:
    assert completed("test", "--recipes", str(tree), "g") == []


@pytest.mark.parametrize("verb", ["why", "diff", "graph"])
def test_verbs_of_packages_complete_recipes_too(verb: str) -> None:
    assert completed(verb, "gz") == ["gzip"]
