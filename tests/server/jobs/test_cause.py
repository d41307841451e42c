"""Why a job exists: what was submitted, which dependency was built anew, and which inputs differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.comparison.inputs import InputKind
from farm.server.jobs import jobs
from farm.server.jobs.cause import CauseKind, cause_of
from farm.server.jobs.job_actions import retry
from farm.server.jobs.rebuilding import request_rebuild
from farm.server.submissions.submission import submit
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.jobs.cause import JobCause
    from farm.server.tables.session import Database


@pytest.fixture
def always(database: Database, tmp_path: Path) -> SmallFarm:
    """A farm that rebuilds whatever needs something new; `a` needs `b`, and both are built."""
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild="always"))
    farm.submit(recipe("a", needs=("b",)), recipe("b"))
    farm.build_all()
    return farm


def cause(farm: SmallFarm, name: str) -> JobCause:
    with farm.application.reading() as unit:
        return cause_of(unit, jobs.list_jobs(unit.session, limit=1, name=name)[0])


def test_a_first_build_is_caused_by_its_submission(always: SmallFarm) -> None:
    found = cause(always, "a")
    assert (found.kind, found.earlier, found.inputs, found.policy) == (CauseKind.SUBMISSION, None, None, "")


def test_another_recipe_is_caused_by_its_submission_and_names_what_changed(always: SmallFarm) -> None:
    always.submit(recipe("b", revision=2))
    always.build_all()
    found = cause(always, "b")
    assert found.kind is CauseKind.SUBMISSION
    assert found.earlier is not None
    assert InputKind.VERSION in {change.kind for change in found.inputs or ()}


def test_a_dependency_that_was_built_anew_is_named_with_the_policy(always: SmallFarm) -> None:
    always.submit(recipe("b", flag="x"))
    assert always.build_all() == ["b", "a"]
    found = cause(always, "a")
    assert (found.kind, found.because and found.because.name, found.policy) == (CauseKind.DEPENDENCY, "b", "always")
    assert [(change.kind, change.name) for change in found.inputs or ()] == [
        (InputKind.DEPENDENCY, "dist.example.org/b")
    ]


def test_of_two_dependencies_the_one_that_led_to_the_job_is_named(always: SmallFarm) -> None:
    always.submit(recipe("a", needs=("b", "c")), recipe("c"))
    always.build_all()
    for name in ("b", "c"):
        submit(always.application, {name: recipe(name, flag="x")}, submitted_by="token:me", trace=f"trace of {name}")
    assert always.build_all() == ["b", "c", "a"]
    found = cause(always, "a")
    assert found.because is not None
    assert found.because.name == "b"
    assert len(found.inputs or ()) == 2


def test_another_try_and_another_worker_are_causes_too(always: SmallFarm) -> None:
    always.submit(recipe("c"))
    always.fail(always.claim())
    with always.application.planning() as unit:
        failed = jobs.list_jobs(unit.session, limit=1, name="c")[0]
        retry(unit, failed.id, trace="t")
    assert cause(always, "c").kind is CauseKind.RETRY
    with always.application.planning() as unit:
        built = jobs.list_jobs(unit.session, limit=1, name="a")[0]
        assert built.subject is not None
        assert built.revision_id is not None
        request_rebuild(unit, built.subject, revision_id=built.revision_id, name="a", trace="t")
    assert cause(always, "a").kind is CauseKind.REPRODUCTION
