"""How a program reports the error that it ends with: each part once."""

from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.policy.channel_reading import read_channels
from farm.errors import FarmError, Place, in_lines, plain_text


def test_an_error_is_said_with_its_place_or_the_program_and_its_remedy() -> None:
    assert plain_text(FarmError("it is full", remedy="Free some space."), "web") == "web: it is full\nFree some space."
    assert plain_text(FarmError("no", place=Place("a.yaml", 3, 7)), "web") == "a.yaml:3:7: no"


def test_many_things_are_told_one_a_line_up_to_a_few() -> None:
    assert in_lines(["a", "b"]) == "\n  a\n  b"
    assert in_lines(range(2000), 2) == "\n  0\n  1\n  and 1,998 more"


def test_a_place_in_a_file_of_recipes_is_said_once() -> None:
    with pytest.raises(RecipeError) as caught:
        read_channels({"channels/edge.yaml": b"gates: [proof, advisories: {block: hgih}]\n"})
    assert plain_text(caught.value, "control").count("channels/edge.yaml:1:36") == 1
