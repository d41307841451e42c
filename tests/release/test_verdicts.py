"""The jobs by which verdicts come about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database import jobs
from farm.database.states import JobKind
from tests.control.small_farm import recipe

if TYPE_CHECKING:
    from tests.release.conftest import ReleasingFarm


def test_the_tests_of_a_recipe_are_listed_under_its_name(releasing: ReleasingFarm) -> None:
    releasing.farm.submit(recipe("a", more="tests:\n  - {name: t, command: [x]}\n"), recipe("b"))
    releasing.settle()
    with releasing.farm.office.reading() as desk:
        kinds = [job.kind for job in jobs.list_jobs(desk.session, name="a")]
    assert kinds == [JobKind.TEST, JobKind.BUILD]
