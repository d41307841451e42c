"""The first errors of builds that were really broken, and none in those that succeeded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.buildlog.recogniser import first_error
from tests.core.buildlog.logs import CORPUS, error_of, expected, lines_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BROKEN = expected("broken")


def test_each_log_of_the_corpus_is_expected_to_have_an_error() -> None:
    assert sorted(BROKEN) == sorted(path.stem for path in (CORPUS / "broken").glob("*.log"))
    assert len(BROKEN) >= 40


@pytest.mark.parametrize("name", BROKEN)
def test_the_first_error_is_the_line_that_a_person_finds(name: str) -> None:
    assert shown(error_of(CORPUS / "broken" / f"{name}.log")) == BROKEN[name]


@pytest.mark.parametrize("path", sorted((CORPUS / "successful").glob("*.log")), ids=lambda path: path.stem)
def test_nothing_in_a_build_that_succeeded_is_taken_for_an_error_with_certainty(path: Path) -> None:
    lines = lines_of(path)
    steps = dict.fromkeys(line.step for line in lines if line.step)
    assert steps
    for step in steps:  # as if each had failed in the end
        error = first_error(line for line in lines if line.step == step)
        assert error is None or not error.sure, (step, error)
    as_one = [replace(line, step="run") for line in lines if line.step]
    error = first_error(as_one)
    assert error is not None
    assert not error.sure, error


@pytest.mark.parametrize(
    ("seeded", "count", "lines", "least"),
    [
        ("seeded", 20, 20, 20),
        ("seeded_again", 9, 9, 9),
        ("seeded_blind", 20, 20, 20),
        ("seeded_blind_2", 20, 20, 19),
        ("seeded_blind_3", 12, 12, 12),
    ],
)
def test_of_recipes_broken_at_random_nearly_all_are_explained_and_none_wrongly(
    seeded: str, count: int, lines: int, least: int, record_property: Callable[[str, object], None]
) -> None:
    """A wrong line that is shown as sure costs a person more than a line that is not sure.

    The figures are of today; the files of expectations have those of the first run.
    """
    wanted = expected(seeded)
    found = {name: shown(error_of(CORPUS / seeded / f"{name}.log")) for name in wanted}
    right = [name for name in wanted if found[name] == wanted[name]]
    right_lines = [name for name in wanted if found[name]["line"] == wanted[name]["line"]]
    wrong = [name for name in wanted if name not in right_lines and found[name].get("sure", True)]
    figures = f"{len(right_lines)} lines of {len(wanted)} right, {len(right)} in all, {len(wrong)} wrong and sure"
    record_property(seeded, figures)
    sys.stdout.write(f"{figures}\n")
    assert sorted(wanted) == sorted(path.stem for path in (CORPUS / seeded).glob("*.log"))
    assert len(wanted) == count
    assert wrong == [], figures
    assert len(right_lines) >= lines, figures
    assert len(right) >= least, {name: (found[name], wanted[name]) for name in wanted if name not in right}
