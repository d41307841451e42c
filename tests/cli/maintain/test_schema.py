"""`farm schema`: prints one schema, or writes all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.main import main
from farm.core.schema.names import NAMES

RECIPES = Path(__file__).parents[3] / "recipes"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["schema", *words])
    return int(ended.value.code or 0)


def test_the_schema_of_recipes_knows_the_steps_of_the_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipe", "--recipes", str(RECIPES)) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["toolchain"]["enum"] == ["abi", "c", "full"]
    assert schema["properties"]["version"]["type"] == ["number", "string"]
    assert "autotools" in schema["properties"]["steps"]["items"]["anyOf"][1]["enum"]
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "mine.yaml").write_text("name: mine\nsummary: Mine\nrun: [{shell: make}]\n")
    assert run("recipe", "--recipes", str(tmp_path)) == 0
    schema = json.loads(capsys.readouterr().out)
    assert [form.get("enum") for form in schema["properties"]["steps"]["items"]["anyOf"]][1] == ["mine"]
    assert "enum" not in schema["properties"]["toolchain"]  # the tree has none yet


def test_all_schemas_are_written_under_stable_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the second time replaces them
        assert run("--write", str(tmp_path / "a" / "schemas"), "--recipes", str(RECIPES)) == 0
    files = sorted((tmp_path / "a" / "schemas").iterdir())
    assert [file.name for file in files] == [f"{name}.schema.json" for name in NAMES]
    assert {json.loads(file.read_bytes())["$id"] for file in files} == {file.name for file in files}
    assert capsys.readouterr().out.splitlines()[: len(files)] == [str(file) for file in files]


def test_a_kind_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes") == 2
    assert "'recipe'" in capsys.readouterr().err
    assert run() == 2
    assert run("image", "--write", str(tmp_path)) == 2
