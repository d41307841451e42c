"""Trouble of the farm's own: jobs are retried, elsewhere first, ever later; no job fails because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.plan.trouble import OF_ONE_WORKER, Trouble
from farm.server.jobs import attempts, job_queue, jobs
from farm.server.jobs.job_actions import retry
from farm.server.jobs.leases import claim, release
from farm.server.pipeline.candidates.status import has_unfinished_builds
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.server.upkeep import dispatch, notify_again, take_back_expired
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from farm.server.tables.records import Job

LONGEST = 15 * 60 * 1.25


def _meets(farm: SmallFarm, trouble: Trouble, worker: str = "one") -> None:
    """Let a worker claim the only job and run into trouble with it."""
    lease = farm.claim(worker)
    if trouble is Trouble.LOST:
        farm.clock.passes(100)
        take_back_expired(farm.application)
        return
    with farm.application.planning() as unit:
        release(unit, farm.holder(lease), error=f"trouble at {worker}", trouble=trouble)


def _is_open(farm: SmallFarm, worker: str) -> bool:
    with farm.application.reading() as unit:
        return job_queue.is_any_ready(unit.session, (JobKind.BUILD,), worker=worker, now=unit.now, most_jobs=4)


@pytest.mark.parametrize("trouble", [kind for kind in Trouble if kind])
def test_no_trouble_of_the_farm_is_a_failure_of_the_job_or_of_what_needs_it(farm: SmallFarm, trouble: Trouble) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b"))
    for _ in range(12):
        if farm.states()["b"] is JobState.SET_ASIDE:
            break
        _meets(farm, trouble)
        farm.clock.passes(LONGEST)
        assert farm.states()["a"] is JobState.WAITING
    aside = trouble in OF_ONE_WORKER
    assert farm.states()["b"] is (JobState.SET_ASIDE if aside else JobState.READY)
    if aside:
        with farm.application.planning() as unit:
            retry(unit, next(job.id for job in _jobs(farm) if job.name == "b"), trace="t")
    assert farm.build_all() == ["b", "a"]
    ended = farm.job(1)
    assert (ended.state, ended.error_code, ended.error, ended.trouble) == (JobState.SUCCEEDED, "", "", "")


def _jobs(farm: SmallFarm) -> list[Job]:
    with farm.application.reading() as unit:
        return jobs.list_jobs(unit.session)


def test_the_pauses_grow_and_are_bounded(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    pauses = []
    for _ in range(12):
        _meets(farm, Trouble.ORIGIN)
        job = farm.job(1)
        assert job.not_before is not None
        pauses.append((job.not_before - farm.clock.now).total_seconds())
        assert claim(farm.application, farm.workers["one"]) is None
        farm.clock.now = job.not_before
    for number, pause in enumerate(pauses):
        assert 0.75 <= pause / min(5 * 2**number, 900) <= 1.25
    assert len({pause / 5 % 1 for pause in pauses}) > 6, "no two of them are alike"


def test_another_worker_gets_it_at_once_and_the_same_only_when_no_other_comes(farm: SmallFarm) -> None:
    farm.is_heard_of("two")
    farm.submit(recipe("a"))
    _meets(farm, Trouble.DISK)
    assert claim(farm.application, farm.workers["one"]) is None
    assert _is_open(farm, "two")
    farm.clock.passes(31)
    assert _is_open(farm, "one")
    assert farm.finish(farm.claim("two")).state is JobState.SUCCEEDED


def test_a_worker_that_was_not_heard_of_for_long_is_not_waited_for(farm: SmallFarm) -> None:
    farm.is_heard_of("two")
    farm.clock.passes(3600)
    farm.submit(recipe("a"))
    _meets(farm, Trouble.DISK)
    farm.clock.passes(7)
    assert farm.claim("one").attempt.number == 2


def test_a_job_that_was_lost_at_three_different_workers_is_set_aside_and_says_so(farm: SmallFarm) -> None:
    farm.enrol("three")
    farm.is_heard_of("one", "two", "three")
    farm.submit(recipe("a"), recipe("b", needs=("a",)), recipe("c"))
    for worker, trouble in (("one", Trouble.LOST), ("one", Trouble.ENGINE), ("two", Trouble.WORKER)):
        farm.clock.passes(LONGEST)
        farm.is_heard_of("one", "two", "three")
        _meets(farm, trouble, worker)
        assert farm.job(1).state is JobState.READY
    farm.clock.passes(LONGEST)
    _meets(farm, Trouble.DISK, "three")
    job = farm.job(1)
    assert (job.state, job.trouble, job.lost) == (JobState.SET_ASIDE, Trouble.DISK, 4)
    assert job.error.splitlines() == [
        "set aside after 4 attempts were lost, on one, three, two; the last: trouble at three",
        "Find out why its workers are lost, then retry it: farm retry 1",
    ]
    assert farm.build_all() == ["c"]
    assert farm.states()["b"] is JobState.WAITING


def test_a_farm_of_one_worker_sets_a_job_aside_after_as_many_losses(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    for number in range(3):
        assert farm.job(1).state is JobState.READY, number
        _meets(farm, Trouble.WORKER)
        farm.clock.passes(LONGEST)
    assert farm.job(1).state is JobState.SET_ASIDE


def test_what_was_set_aside_begins_anew_when_it_is_asked_for(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    for _ in range(2):
        for _ in range(3):
            assert farm.job(1).state is JobState.READY
            _meets(farm, Trouble.WORKER)
            farm.clock.passes(LONGEST)
        assert farm.job(1).state is JobState.SET_ASIDE
        with farm.application.planning() as unit:
            taken_up = retry(unit, 1, trace="t")
        assert (taken_up.id, taken_up.state, taken_up.lost, taken_up.error) == (1, JobState.READY, 0, "")
    assert farm.finish(farm.claim()).state is JobState.SUCCEEDED


def test_a_new_revision_takes_the_place_of_one_that_was_set_aside(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    for _ in range(3):
        _meets(farm, Trouble.WORKER)
        farm.clock.passes(LONGEST)
    farm.submit(recipe("a", flag="gentler"))
    assert farm.job(1).state is JobState.CANCELLED
    assert farm.build_all() == ["a"]


@pytest.mark.parametrize("trouble", [Trouble.ORIGIN, Trouble.WORKER])
def test_a_job_that_rests_or_is_set_aside_keeps_no_channel_waiting(farm: SmallFarm, trouble: Trouble) -> None:
    def unfinished() -> bool:
        with farm.application.reading() as unit:
            return has_unfinished_builds(unit.session, unit.now)

    farm.submit(recipe("a"), recipe("b", needs=("a",)))
    for _ in range(3):
        assert unfinished()
        _meets(farm, trouble)
        assert not unfinished()
        farm.clock.passes(LONGEST)
    assert unfinished() is (trouble is Trouble.ORIGIN)


def test_an_attempt_keeps_the_kind_of_its_trouble_and_a_worker_of_before_need_not_know_any(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    _meets(farm, Trouble.ORIGIN)
    farm.clock.passes(LONGEST)
    lease = farm.claim()
    with farm.application.planning() as unit:
        release(unit, farm.holder(lease), error="the disk is full")
    with farm.application.reading() as unit:
        tries = attempts.attempts_of(unit.session, 1)
    assert [(attempt.state, attempt.trouble, attempt.error_code) for attempt in tries] == [
        (AttemptState.RELEASED, Trouble.ORIGIN, "origin-trouble"),
        (AttemptState.RELEASED, Trouble.WORKER, "worker-trouble"),
    ]
    assert (farm.job(1).lost, farm.job(1).troubles) == (1, 2)


def test_workers_are_woken_when_a_rest_is_over_and_not_before(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    _meets(farm, Trouble.ORIGIN)
    dispatch(farm.application, lambda _ring: None)
    assert notify_again(farm.application) == 0
    farm.clock.passes(7)
    assert notify_again(farm.application) == 1
    assert notify_again(farm.application) == 0
