"""What an error looks like, and what a stranger's text in it cannot do."""

from __future__ import annotations

import click

from farm.cli.rendering import human_size, render_error, table
from farm.errors import FarmError, Place
from farm.recipe import Problem, RecipeError


def plain(error: FarmError) -> str:
    return click.unstyle(render_error(error))


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = FarmError("it broke", remedy="Mend it.", place=Place("a/file", 3, 7))
    assert plain(error) == "error: it broke\n   at: a/file:3:7\n help: Mend it."


def test_nothing_in_a_message_reaches_the_terminal_as_more_than_text() -> None:
    hostile = "\x1b]0;title\x07\x1b[2J\r\u202e\x9b31m\ttext\nnext line"
    for error in (
        FarmError(hostile, remedy=hostile, place=Place(hostile)),
        RecipeError([Problem(Place(hostile), hostile, hostile)]),
    ):
        shown = plain(error)
        assert all(each.isprintable() or each in "\t\n" for each in shown)
        assert "\\x1b]0;title\\x07" in shown
        assert "\nnext line" in shown


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert click.unstyle(table([("a", "long value"), ("longer", "b")], ("X", "Y"))) == (
        "X       Y\na       long value\nlonger  b"
    )


def test_sizes_are_said_as_people_say_them() -> None:
    assert [human_size(size) for size in (0, 999, 1000, 1_440_000, 2_000_000_000)] == [
        "0 B", "999 B", "1.0 kB", "1.4 MB", "2.0 GB",
    ]  # fmt: skip
