"""Every message that a maintainer can get, as it is printed. `UPDATE_GOLDEN=1` rewrites the files, for review."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.core.files.problems import Problem, RecipeError
from farm.errors import Place
from tests.core.recipe.examples import load

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_a_bad_recipe_is_refused_with_these_words(case: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load((GOLDEN / f"{case}.yaml").read_bytes(), {"fix.patch": b"--- a\n"})

    message, expected = f"{caught.value}\n", GOLDEN / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(message)
    assert message == expected.read_text()


def test_every_golden_file_has_its_recipe() -> None:
    assert len(CASES) > 10
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_the_error_points_at_the_first_problem() -> None:
    with pytest.raises(RecipeError) as caught:
        load(b"name: jq\nversion: 1\nsummry: x\nlicense: MIT\ntoolchain: c\nsteps: 3\n")

    assert caught.value.place == Place("recipe.yaml", 3, 1)
    assert [problem.place.line for problem in caught.value.problems] == [3, 6]


def test_the_caret_stands_under_the_value_even_in_a_line_of_a_megabyte() -> None:
    line = "x" * 500_000 + "HERE" + "y" * 500_000
    shown = str(Problem(Place("f", 1, 500_001), "wrong", "", line, 4)).splitlines()

    assert shown[1][shown[2].index("^") :].startswith("HERE")
    assert shown[2].count("^") == 4
    assert max(len(part) for part in shown) < 200


def test_what_could_move_a_terminal_is_inert_in_excerpt_and_message() -> None:
    with pytest.raises(RecipeError) as caught:
        load("na\u202eme: jq\n".encode())

    assert str(caught.value).replace("\n", "").isprintable()
