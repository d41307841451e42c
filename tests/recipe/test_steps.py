from __future__ import annotations

import pytest

from farm.recipe import RecipeError, Step, StepLibrary
from tests.recipe.examples import AUTOTOOLS, library


def test_a_scalar_arrives_as_a_variable_and_a_list_as_arguments() -> None:
    configure, make = library().definitions["autotools"].expand({"regenerate": "true", "configure": ("--a", "b c")})

    variables = (("ARG_JOBS", "2"), ("ARG_REGENERATE", "true"), ("ARG_SUBDIRECTORY", ""))
    assert configure == Step("autotools: configure", './configure "$@"', ("--a", "b c"), variables)
    assert make == Step("autotools: make", "make", (), variables)


def test_automatic_steps_cannot_be_named() -> None:
    assert library().nameable == ("autotools",)
    assert [definition.name for definition in library().automatic("last")] == ["finish"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (AUTOTOOLS.replace(b"name: autotools", b"name: other", 1), "lies in the file autotools.yaml"),
        (AUTOTOOLS.replace(b"arguments: configure", b"arguments: configur"), "Did you mean configure"),
        (AUTOTOOLS.replace(b"type: boolean", b"type: bool"), "Did you mean boolean"),
        (AUTOTOOLS.replace(b"default: 2", b"default: two"), "default should be a whole number"),
        (AUTOTOOLS.replace(b"subdirectory:", b"SUB:"), "cannot name an argument"),
        (AUTOTOOLS[: AUTOTOOLS.index(b"run:")] + b"run: []\n", "nothing to run"),
    ],
)
def test_a_bad_definition_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        StepLibrary.from_files({"steps/autotools.yaml": text})


def test_the_problems_of_all_definitions_come_together() -> None:
    with pytest.raises(RecipeError) as caught:
        StepLibrary.from_files({"steps/a.yaml": b"name: a\n", "steps/b.yaml": b"name: b\n"})

    assert [problem.place.file for problem in caught.value.problems] == ["steps/a.yaml", "steps/b.yaml"]


def test_a_step_reads_back() -> None:
    for step in library().definitions["autotools"].expand({"configure": ("x",)}):
        assert Step.from_dict(step.to_dict()) == step
