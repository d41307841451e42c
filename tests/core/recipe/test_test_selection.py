"""Which tests of recipes names and globs mean."""

from __future__ import annotations

import pytest

from farm.core.names.digest import Digest
from farm.core.names.version import Version
from farm.core.recipe.recipe import Recipe, Test
from farm.core.recipe.test_selection import UnknownTestError, select_tests


def recipe(name: str, *tests: str) -> Recipe:
    return Recipe(
        name=name,
        version=Version("1"),
        summary="A recipe",
        license="MIT",
        toolchain="c",
        steps=(),
        tests=tuple(Test(test, run="true") for test in tests),
        digest=Digest.of(b""),
    )


GZIP = recipe("gzip", "files are replaced", "the scripts call it", "odd [a] name")
SED = recipe("sed", "files are edited", "it starts")
BARE = recipe("bare")


def chosen(*only: str) -> dict[str, list[str]]:
    found = select_tests([GZIP, SED, BARE], only)
    return {name: [test.name for test in tests] for name, tests in found.items()}


def test_all_tests_are_meant_without_a_choice() -> None:
    assert chosen() == {
        "gzip": ["files are replaced", "the scripts call it", "odd [a] name"],
        "sed": ["files are edited", "it starts"],
        "bare": [],
    }


def test_names_and_globs_choose_and_each_test_runs_once_in_its_place() -> None:
    assert chosen("it starts", "files*", "files are edited") == {
        "gzip": ["files are replaced"],
        "sed": ["files are edited", "it starts"],
    }
    assert chosen("odd [a] name") == {"gzip": ["odd [a] name"]}


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("file are replced", "files are replaced"),
        ("the script calls it", "the scripts call it"),
        ("start*s", "it starts"),
    ],
)
def test_a_name_that_no_test_has_names_the_nearest(asked: str, nearest: str) -> None:
    with pytest.raises(UnknownTestError) as caught:
        select_tests([GZIP, SED, BARE], ["it starts", asked])
    assert caught.value.message == f"no test of gzip or sed or bare is named {asked!r}"
    assert nearest in caught.value.remedy.split("?")[0].split(" or ")[0]


def test_recipes_without_tests_say_so() -> None:
    with pytest.raises(UnknownTestError) as caught:
        select_tests([BARE], ["it starts"])
    assert caught.value.remedy == "They have no tests."
