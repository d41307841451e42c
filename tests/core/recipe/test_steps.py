from __future__ import annotations

import re

import pytest

from farm.core.files.problems import RecipeError
from farm.core.recipe.recipe import Step
from farm.core.recipe.steps import StepLibrary
from tests.core.recipe.examples import AUTOTOOLS, FINISH, PREPARE, RECIPE, library, load


def test_a_scalar_arrives_as_a_variable_and_a_list_as_arguments() -> None:
    configure, make = library().definitions["autotools"].expand({"regenerate": "true", "configure": ("--a", "b c")})

    variables = (("ARG_JOBS", "2"), ("ARG_REGENERATE", "true"), ("ARG_SUBDIRECTORY", ""))
    assert configure == Step("autotools: configure", './configure "$@"', ("--a", "b c"), variables)
    assert make == Step("autotools: make", "make", (), variables)


def test_automatic_steps_cannot_be_named() -> None:
    assert library().nameable == ("autotools",)
    assert [definition.name for definition in library().automatic("last")] == ["finish"]


def test_a_step_without_a_name_is_none_of_those_without_a_former_name() -> None:
    assert library().definitions["autotools"].formerly == ""
    assert library().find("") is None


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


FLAGS = b"""\
flags:
  CFLAGS: [-O2, {amd64: -fcf-protection, arm64: -mbranch-protection=standard}, "-fmap={{ name }}-{{ version }}"]
"""


def test_an_automatic_step_has_flags_for_every_recipe_rendered_for_each() -> None:
    steps = StepLibrary.from_files({"steps/prepare.yaml": PREPARE + FLAGS, "steps/autotools.yaml": AUTOTOOLS})
    assert [[flag.text for flag in variable.flags] for variable in load(RECIPE, steps=steps).flags] == [
        ["-O2", "-fcf-protection", "-mbranch-protection=standard", "-fmap=jq-1.7.1"]
    ]


def test_an_automatic_step_is_told_of_which_recipe_it_is() -> None:
    finish = FINISH + b'arguments: {package: {type: string, default: "{{ name }}", summary: Whose}}\n'
    steps = StepLibrary.from_files({"steps/finish.yaml": finish, "steps/autotools.yaml": AUTOTOOLS})
    assert load(RECIPE, steps=steps).steps[-1].environment == (("ARG_PACKAGE", "jq"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (AUTOTOOLS + FLAGS, "only an automatic step has flags"),
        (
            PREPARE + FLAGS.replace(b"amd64", b"amd46"),
            r"prepare.yaml:10:18: an item of CFLAGS has no key 'amd46'.*amd64",
        ),
        (PREPARE + b"flags: {cflags: [-O2]}\n", "'cflags'"),
        (PREPARE + b"flags: {CFLAGS: -O2}\n", r"Write \[-O2\]"),
    ],
)
def test_flags_that_mean_nothing_are_refused(text: bytes, words: str) -> None:
    name = text.split(b"\n")[0].removeprefix(b"name: ").decode()
    with pytest.raises(RecipeError) as caught:
        StepLibrary.from_files({f"steps/{name}.yaml": text})
    assert re.search(words, " ".join(problem.in_a_line() for problem in caught.value.problems))


def test_a_step_reads_back() -> None:
    for step in library().definitions["autotools"].expand({"configure": ("x",)}):
        assert Step.from_dict(step.to_dict()) == step
