"""The gate `reproduced`: k different workers build the same package, or it is held back with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.policy.gates.reproduced import ReproducedGate
from farm.server.identities import identities
from farm.server.jobs import jobs
from farm.server.jobs.job_actions import cancel, retry
from farm.server.jobs.leases import claim
from farm.server.pipeline.gates import reproduced
from farm.server.pipeline.gates.reproduced import Reproduced
from farm.server.tables.states import JobState
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.pipeline.gates.gate_result import PackageGateResult
    from farm.server.tables.records import Job
    from farm.server.tables.session import Database


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    farm = SmallFarm.open(database, tmp_path)
    farm.submit(recipe("a"))
    farm.build_all()
    return farm


def ask(farm: SmallFarm, agree: int = 2) -> dict[str, PackageGateResult]:
    with farm.application.planning() as unit:
        arrivals = tuple(farm.current().values())
        return dict(Reproduced(ReproducedGate(agree)).check(unit, "edge", arrivals))


def rebuild_jobs(farm: SmallFarm) -> list[Job]:
    with farm.application.reading() as unit:
        return [job for job in reversed(jobs.list_jobs(unit.session, limit=1000)) if job.rebuild]


def test_one_builder_is_not_two_and_a_rebuild_is_wished_for_once(farm: SmallFarm) -> None:
    standing = ask(farm)["a"]
    (job,) = rebuild_jobs(farm)
    assert job.state is JobState.READY
    assert (standing.state, standing.job) == ("waiting", job.id)
    assert standing.reason == f"1 of 2 builders agree; job {job.id} will rebuild it"
    ask(farm)
    assert rebuild_jobs(farm) == [job]
    farm.claim("two")
    assert ask(farm)["a"].reason == f"1 of 2 builders agree; job {job.id} is rebuilding it"


def test_with_enough_builders_that_agree_it_has_passed(farm: SmallFarm) -> None:
    ask(farm)
    farm.finish(farm.claim("two"))
    assert ask(farm) == {}
    assert len(rebuild_jobs(farm)) == 1


def test_three_builders_are_asked_one_after_the_other(farm: SmallFarm) -> None:
    farm.enrol("three")
    ask(farm, 3)
    assert claim(farm.application, farm.workers["one"]) is None
    farm.finish(farm.claim("two"))
    assert ask(farm, 3)["a"].reason.startswith("2 of 3 builders agree; job")
    assert claim(farm.application, farm.workers["two"]) is None
    farm.finish(farm.claim("three"))
    assert ask(farm, 3) == {}


def test_packages_of_one_plan_are_built_again_together(farm: SmallFarm) -> None:
    farm.submit(recipe("b"), recipe("c"))
    farm.build_all()
    assert sorted(ask(farm)) == ["a", "b", "c"]
    assert [job.name for job in rebuild_jobs(farm)] == ["a", "b", "c"]
    one_plan = list(farm.current().values())[:1] * 2
    with farm.application.planning() as unit:
        Reproduced(ReproducedGate(2)).check(unit, "edge", one_plan)
    assert len(rebuild_jobs(farm)) == 3


def test_a_difference_fails_and_says_who_and_what(farm: SmallFarm) -> None:
    ask(farm)
    farm.finish(farm.claim("two"), content="something else")
    standing = ask(farm)["a"]
    assert standing.state == "failed"
    assert standing.reason == "two rebuilt it with a different result than one: share/a/x differs in a"
    assert "farm rebuild a --check" in standing.remedy
    assert "one and two" in standing.remedy
    assert standing.job == rebuild_jobs(farm)[0].id
    assert len(rebuild_jobs(farm)) == 1, "no other rebuild is wished for"


def test_a_third_worker_that_agrees_with_the_first_outvotes_the_second(farm: SmallFarm) -> None:
    ask(farm)
    farm.finish(farm.claim("two"), content="something else")
    farm.enrol("three")
    with farm.application.planning() as unit:
        again = retry(unit, rebuild_jobs(farm)[0].id, trace="t")
    assert ask(farm)["a"].reason == f"1 of 2 builders agree; job {again.id} will rebuild it"
    farm.finish(farm.claim("three"))
    assert ask(farm) == {}


def test_what_a_worker_said_that_is_trusted_no_longer_counts_for_nothing(farm: SmallFarm) -> None:
    ask(farm)
    farm.finish(farm.claim("two"))
    with farm.application.writing() as unit:
        identities.revoke_worker(unit.session, "two", now=unit.now)
    standing = ask(farm)["a"]
    assert standing.reason == "1 of 2 builders agree; this farm builds on one only"
    assert "Enrol" in standing.remedy
    farm.enrol("three")
    assert ask(farm)["a"].reason.startswith("1 of 2 builders agree; job")


def test_too_few_workers_is_said_and_no_job_is_made_that_nobody_can_take(farm: SmallFarm) -> None:
    standing = ask(farm, 3)["a"]
    assert (standing.state, standing.reason) == ("waiting", "1 of 3 builders agree; this farm builds on one, two only")
    assert rebuild_jobs(farm) == []


@pytest.mark.parametrize("ends", ["failed", "cancelled"])
def test_a_rebuild_that_fails_is_tried_three_times_and_then_a_person_is_asked(farm: SmallFarm, ends: str) -> None:
    for _ in range(reproduced.MOST_TRIES):
        standing = ask(farm)["a"]
        assert standing.state == "waiting"
        if ends == "failed":
            farm.fail(farm.claim("two"))
        else:
            with farm.application.planning() as unit:
                assert standing.job is not None
                cancel(unit, standing.job, by="somebody")
    standing = ask(farm)["a"]
    assert standing.state == "failed"
    assert standing.reason.startswith("it could not be built again 3 times after one had built it")
    assert len(rebuild_jobs(farm)) == reproduced.MOST_TRIES
    with farm.application.planning() as unit:
        again = retry(unit, rebuild_jobs(farm)[-1].id, trace="t")
    assert ask(farm)["a"].job == again.id
    farm.finish(farm.claim("two"))
    assert ask(farm) == {}


def test_only_so_many_rebuilds_stand_in_the_queue_at_once(farm: SmallFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduced, "MOST_READY", 2)
    farm.submit(recipe("b"), recipe("c"), recipe("d"))
    farm.build_all()
    found = ask(farm)
    assert len(rebuild_jobs(farm)) == 2
    assert [found[name].job is None for name in "abcd"] == [False, False, True, True]
    assert "2 rebuilds ahead of it" in found["c"].reason
    farm.finish(farm.claim("two"))
    ask(farm)
    assert [job.name for job in rebuild_jobs(farm)] == ["a", "b", "c"]
