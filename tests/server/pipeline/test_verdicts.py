"""The jobs that verdicts come from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import event

from farm.server.jobs import jobs
from farm.server.tables.states import JobKind
from tests.farms.small import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.server.tables.session import Database
    from tests.farms.releasing import ReleasingFarm


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect the SQL statements in the block."""
    made: list[str] = []
    with database.read() as session:
        engine = session.get_bind()

    def listen(*words: object) -> None:
        made.append(str(words[2]))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield made
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def test_the_tests_of_a_recipe_are_listed_under_its_name(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a", more="tests:\n  - {name: t, command: [x]}\n"), recipe("b"))
    releasing.settle()
    with releasing.application.reading() as unit:
        kinds = [job.kind for job in jobs.list_jobs(unit.session, name="a")]
    assert kinds == [JobKind.TEST, JobKind.BUILD]


def test_a_candidate_that_waits_for_many_tests_asks_the_database_no_more_often_than_for_one(
    releasing: ReleasingFarm,
) -> None:
    tested = "tests:\n  - {name: t, command: [x]}\n"
    releasing.submit(recipe("first"))
    releasing.settle()
    asked = []
    for names in (["a"], list("bcdefghij")):
        releasing.submit(*(recipe(name, more=tested) for name in names))
        releasing.build_all_but_tests()
        assert releasing.advance() == "open"  # it requests the tests
        assert releasing.advance() == "open"  # and has now read what it will read each second
        with statements(releasing.application.database) as made:
            assert releasing.advance() == "open"
        asked.append(len(made))
        releasing.settle()
    assert asked[0] == asked[1]
