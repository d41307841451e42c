"""What a shell completes: names of recipes, kept builds and tests, of the tree that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from farm.cli.main import farm

if TYPE_CHECKING:
    from pathlib import Path

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


def test_another_tree_can_be_named(tree: Path) -> None:
    assert completed("test", "--recipes", str(tree), "g") == []


@pytest.mark.parametrize("verb", ["why", "diff", "graph"])
def test_verbs_of_packages_complete_recipes_too(verb: str) -> None:
    assert completed(verb, "gz") == ["gzip"]
