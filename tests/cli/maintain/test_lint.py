"""`farm lint`: what it shows, for people and programs, and its status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from farm.cli.main import main
from tests.core.lint.examples import named

RECIPES = Path(__file__).parents[3] / "recipes"


def test_what_is_in_order_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--recipes", str(RECIPES), "--json"])
    assert ended.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["channels"] == ["edge", "stable"]
    assert sorted(listed["build-order"]) == listed["recipes"]
    assert listed["build-order"].index("oniguruma") < listed["build-order"].index("jq")
    assert {"autotools", "c"} <= {*listed["steps"], *listed["toolchains"]}


def lint(tree: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--recipes", str(tree), *words])
    return int(ended.value.code or 0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of two recipes, of which hello has a warning, and wrong an error."""
    recipes = tmp_path / "recipes"
    shutil.copytree(RECIPES, recipes, ignore=shutil.ignore_patterns("packages"))
    (recipes / "toolchains" / "c.yaml").write_text("suite: trixie\npackages: [gcc]\n")
    for name, keys in (("hello", "summary: A program\n"), ("wrong", "build-needs: [helo]\n")):
        place = recipes / "packages" / name
        place.mkdir(parents=True)
        (place / "recipe.yaml").write_text(named(name, keys))
    for toolchain in ("abi", "full"):
        (recipes / "toolchains" / f"{toolchain}.yaml").write_text("suite: trixie\npackages: [gcc]\n")
    return recipes


def test_only_errors_and_strict_warnings_fail(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tree) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[0] == (
        "packages/hello/recipe.yaml:3:10: warning[D101 summary-article]: summary begins with the article 'A'"
    )
    assert "error[N001 unknown-need]: no recipe makes the package 'helo'" in shown.err
    assert shown.err.endswith("\n\n1 error, 1 warning\n")
    assert lint(tree, "hello") == 0
    assert capsys.readouterr().err.endswith("\n\n1 warning\n")
    assert lint(tree, "hello", "--strict", "--ignore", "D101") == 0
    assert capsys.readouterr().out == "hello: OK\n"
    assert lint(tree, "hello", "--strict") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("\n\n1 warning\n")


def test_findings_are_listed_as_json(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tree, "--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert listed["build-order"] == []
    assert listed["findings"][1] == {
        "file": "packages/wrong/recipe.yaml",
        "line": 12,
        "column": 15,
        "code": "N001",
        "name": "unknown-need",
        "check": "",
        "severity": "error",
        "message": "no recipe makes the package 'helo'",
        "remedy": "Did you mean hello or hello-doc?",
    }


def test_what_a_path_names_is_shown(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lint(tree, "recipes/packages/hello") == 0
    assert lint(tree, "recipes/packages/wrong/recipe.yaml") == 1
    assert lint(tree, "recipes/channels") == 0
    assert lint(tree, "recipes") == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "recipe.yaml").write_text(named("third", "build-needs: [hello]\ntests: []\n"))
    capsys.readouterr()
    assert lint(tree, "elsewhere") == 0
    assert "packages/third/recipe.yaml:9:8: warning[T101 no-tests]" in capsys.readouterr().err
    assert lint(tree, "helo") == 1
    assert "Did you mean hello?" in capsys.readouterr().err


def test_what_is_no_recipe_is_not_said_to_be_right(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tree / "notes.txt").touch()
    (tree / "packages" / "empty").mkdir()
    (tree / "packages" / "hello" / "fix.patch").touch()
    assert lint(tree, "recipes/packages/hello/fix.patch") == 0
    assert "'fix.patch' lies beside the recipe and no source names it" in capsys.readouterr().err
    outside = ["/etc/passwd", "/etc"]
    inside = ["recipes/notes.txt", "recipes/packages/empty"]
    for place in [*outside, *inside]:
        assert lint(tree, place) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert f"{place} is no" in shown.err
        assert "Name a recipe, a directory with a recipe.yaml" in shown.err
    assert lint(tree, "recipes/toolchains/full.lock") == 0


def test_a_directory_of_packages_without_a_recipe_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tree / "packages" / "foo"
    place.mkdir()
    for name in ("fix.patch", "notes.yaml"):
        (place / name).write_text("")
        assert lint(tree, str(place)) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(f"error: {place} is no recipe: there is no {place / 'recipe.yaml'}\n")
    shutil.rmtree(tree / "packages" / "wrong")
    assert lint(tree, str(tree / "packages"), "--ignore", "D101") == 0


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(Path("nowhere"), "--explain", "plain-http") == 0
    assert capsys.readouterr().out.startswith("### S101 plain-http\n\nWarning. ")
    assert lint(Path("nowhere"), "--explain", "plain-htp") == 1
    assert "Did you mean plain-http?" in capsys.readouterr().err


def test_every_verb_that_reads_the_tree_reports_needs_with_their_places(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "wrong", "--recipes", str(tree)])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("packages/wrong/recipe.yaml:12:15: no recipe makes the package 'helo'\n")
