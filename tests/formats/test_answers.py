"""The answers of verbs in an old home: how they end, and the shape of the JSON that programs read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import command

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = kept.read_json("answers.json")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Sequence[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("answers")
    return command.carried_out([answer["line"] for answer in KNOWN], kept.subscriber_home(folder), folder / "home")


@pytest.mark.parametrize("number", range(len(KNOWN)), ids=[" ".join(answer["line"]) for answer in KNOWN])
def test_a_verb_ends_as_it_did_and_answers_in_the_same_shape(answers: Sequence[dict[str, Any]], number: int) -> None:
    assert answers[number]["status"] == KNOWN[number]["status"], answers[number]["err"]
    assert kept.still_says(command.shape_of(made_here(answers[number]["out"])), KNOWN[number]["shape"])


def made_here(answer: str) -> str:
    """Leave out what the Docker Engine of this machine has from other tests."""
    if not answer.startswith("[") or '"made-here"' not in answer:
        return answer
    return json.dumps([image for image in json.loads(answer) if image["made-here"]])


def test_every_way_to_end_is_among_them() -> None:
    assert {answer["status"] for answer in KNOWN} == {0, 1, 2, 3}
