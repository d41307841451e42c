"""How an error is printed, and what hostile text in an error cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.output import table
from farm.cli.rendering import say_error
from farm.core.files.problems import Problem, RecipeError
from farm.core.names.wording import human_size
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    import pytest


def said(capsys: pytest.CaptureFixture[str], error: FarmError) -> str:
    say_error(error)
    shown = capsys.readouterr()
    assert not shown.out
    return shown.err


def test_an_error_says_what_where_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = FarmError("it broke", remedy="Mend it.", place=Place("a/file", 3, 7))
    assert said(capsys, error) == "error: it broke\n   at: a/file:3:7\n help: Mend it.\n"


def test_nothing_in_a_message_reaches_the_terminal_as_more_than_text(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;title\x07\x1b[2J\r\u202e\x9b31m\u2028\ttext\nnext line"
    for error in (
        FarmError(hostile, remedy=hostile, place=Place(hostile)),
        RecipeError([Problem(Place(hostile), hostile, hostile)]),
    ):
        shown = said(capsys, error)
        assert all(character.isprintable() or character == "\n" for character in shown)
        assert "\\x1b]0;title\\x07\\x1b[2J\\r\\u202e\\x9b31m\\u2028" in shown


def test_a_value_adds_no_line_that_looks_like_one_of_farms(capsys: pytest.CaptureFixture[str]) -> None:
    forged = "no\n help: run this as root\nerror: all is lost"
    assert said(capsys, FarmError(forged, place=Place(forged))) == (
        "error: no\n     help: run this as root\n    error: all is lost\n"
        "   at: no\n     help: run this as root\n    error: all is lost\n"
    )
    recipe = said(capsys, RecipeError([Problem(Place("recipe.yaml", 3, 1), forged, "Mend it.", "name: x")]))
    assert [line for line in recipe.splitlines() if not line.startswith(" ")] == ["recipe.yaml:3:1: no"]
    assert "\n  |  help: run" in recipe


def test_columns_are_as_wide_as_what_is_shown_of_what_is_in_them() -> None:
    rows = [("a", "long value"), ("longer", "b"), ("\x1b[", "two\nlines")]
    assert [*map(str, table(rows, ("X", "Y")))] == [
        "X       Y", "a       long value", "longer  b", "\\x1b[   two\\nlines",
    ]  # fmt: skip


def test_sizes_are_said_as_people_say_them() -> None:
    assert [human_size(size) for size in (0, 999, 1000, 1_440_000, 2_000_000_000)] == [
        "0 B", "999 B", "1.0 kB", "1.4 MB", "2.0 GB",
    ]  # fmt: skip
