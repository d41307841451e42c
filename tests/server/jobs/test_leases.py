"""Leases: one holder at a time, and no report counts after the lease has expired."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder
from farm.server.jobs import attempts
from farm.server.jobs.job_actions import cancel
from farm.server.jobs.leases import Holder, LeaseLostError, claim, heartbeat, release
from farm.server.tables.states import AttemptState, JobState
from farm.server.upkeep import take_back_expired
from tests.farms.small import TOOLCHAIN, WORLD, SmallFarm, recipe

if TYPE_CHECKING:
    from farm.server.jobs.leases import Lease


def _beat(farm: SmallFarm, lease: Lease) -> None:
    with farm.application.writing() as unit:
        heartbeat(unit, farm.holder(lease))


def test_a_claim_tells_all_that_the_build_needs(farm: SmallFarm) -> None:
    farm.submit(recipe("jq", needs=("oniguruma",)), recipe("oniguruma"))
    farm.finish(farm.claim())
    lease = farm.claim()
    built = farm.current()["oniguruma"]
    assert isinstance(lease.order, BuildOrder)
    assert lease.order.plan.toolchain == TOOLCHAIN.tree
    assert lease.toolchain == TOOLCHAIN
    (archive,) = lease.order.archives
    assert (archive.tree, archive.archive, archive.descriptor) == (built.tree, built.archive, built.digest)


def test_there_is_nothing_to_claim_in_an_idle_farm(farm: SmallFarm) -> None:
    assert claim(farm.application, farm.workers["one"]) is None


def test_the_hinted_job_is_given_and_a_stale_hint_gives_another(farm: SmallFarm) -> None:
    first, second = (accepted.job for accepted in farm.submit(recipe("a"), recipe("b")).accepted)
    assert farm.claim(hint=second.id).job.id == second.id
    assert farm.claim(hint=second.id).job.id == first.id


def test_a_worker_gets_only_what_its_roles_allow(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    assert claim(farm.application, farm.enrol("tester", builds=False)) is None


def test_many_workers_at_once_get_each_job_exactly_once(farm: SmallFarm) -> None:
    farm.submit(*(recipe(f"p{number}") for number in range(20)))
    got: list[int] = []

    def work(name: str) -> None:
        while lease := claim(farm.application, farm.workers[name]):
            got.append(lease.job.id)

    for number in range(6):
        farm.enrol(f"w{number}")
    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 20


def test_each_acquisition_has_a_token_of_its_own(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    first = farm.claim()
    farm.clock.passes(100)
    take_back_expired(farm.application)
    farm.clock.passes(7)
    second = farm.claim()
    assert first.token != second.token
    assert (second.attempt.job_id, second.attempt.number) == (first.attempt.job_id, 2)


def test_heartbeats_keep_a_lease_for_as_long_as_they_come(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    for _ in range(10):
        farm.clock.passes(45)
        _beat(farm, lease)
        assert take_back_expired(farm.application) == 0
    assert farm.job(lease.job.id).state is JobState.RUNNING
    assert farm.finish(lease).state is JobState.SUCCEEDED


def test_a_report_after_the_lease_ran_out_is_refused_even_before_the_janitor_came(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.clock.passes(61)
    with pytest.raises(LeaseLostError, match="expired"):
        farm.finish(lease)
    with pytest.raises(LeaseLostError, match="expired"):
        _beat(farm, lease)
    assert farm.current() == {}


def test_a_lease_is_gone_at_the_very_moment_at_which_it_runs_out(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.clock.passes((lease.attempt.expires_at - lease.attempt.claimed_at).total_seconds())
    with pytest.raises(LeaseLostError) as caught:
        _beat(farm, lease)
    assert f"it expired at {lease.attempt.expires_at:%H:%M:%S} UTC" in caught.value.message


def test_a_job_is_given_to_another_only_after_expiry_and_grace(farm: SmallFarm) -> None:
    farm.is_heard_of("two")
    farm.submit(recipe("a"))
    farm.claim()
    farm.clock.passes(70)
    assert take_back_expired(farm.application) == 0
    assert claim(farm.application, farm.workers["two"]) is None
    farm.clock.passes(11)
    assert take_back_expired(farm.application) == 1
    assert farm.claim("two").attempt.number == 2


def test_one_expired_lease_does_not_shorten_the_grace_of_another(farm: SmallFarm) -> None:
    farm.submit(recipe("a"), recipe("b"))
    farm.claim("one")
    farm.clock.passes(15)
    later = farm.claim("two")
    farm.clock.passes(66)
    assert take_back_expired(farm.application) == 1
    assert farm.job(later.job.id).state is JobState.LEASED


def test_of_two_holders_only_the_later_one_can_finish(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    farm.is_heard_of("two")
    lost = farm.claim()
    farm.clock.passes(100)
    take_back_expired(farm.application)
    taken_over = farm.claim("two")
    with pytest.raises(LeaseLostError):
        farm.finish(lost)
    assert farm.finish(taken_over).state is JobState.SUCCEEDED
    assert farm.current()["a"].built_by == "two"


def test_another_worker_cannot_use_a_token_that_it_learned(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim("one")
    thief = Holder(farm.workers["two"], lease.attempt.id, lease.token)
    with farm.application.writing() as unit, pytest.raises(LeaseLostError, match="never"):
        heartbeat(unit, thief)


def test_a_token_opens_no_lease_but_its_own(farm: SmallFarm) -> None:
    farm.submit(recipe("a"), recipe("b"))
    first, second = farm.claim("one"), farm.claim("one")
    for token in (second.token, "", first.token[:-1]):
        guess = Holder(farm.workers["one"], first.attempt.id, token)
        with farm.application.writing() as unit, pytest.raises(LeaseLostError, match="never"):
            heartbeat(unit, guess)
    _beat(farm, first)


def test_a_worker_that_stops_gives_its_job_back_and_that_does_not_count(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    for _ in range(5):
        lease = farm.claim()
        with farm.application.writing() as unit:
            release(unit, farm.holder(lease))
    assert farm.job(lease.job.id).lost == 0
    assert farm.finish(farm.claim()).state is JobState.SUCCEEDED


def test_a_cancelled_job_takes_no_report(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    with farm.application.planning() as unit:
        cancel(unit, lease.job.id, by="somebody")
    with pytest.raises(LeaseLostError, match="cancelled"):
        farm.finish(lease)
    assert farm.job(lease.job.id).state is JobState.CANCELLED
    with farm.application.reading() as unit:
        attempt = attempts.attempt(unit.session, lease.attempt.id)
    assert attempt is not None
    assert attempt.state is AttemptState.CANCELLED


def test_a_job_of_a_toolchain_that_is_no_more_is_planned_anew(farm: SmallFarm) -> None:
    job = farm.submit(recipe("a")).accepted[0].job
    newer = replace(TOOLCHAIN, tree=Digest.of(b"a newer toolchain"))
    farm.application = replace(farm.application, inputs=replace(WORLD, toolchains={"c": newer}))
    lease = farm.claim()
    assert lease.job.id == job.id
    assert isinstance(lease.order, BuildOrder)
    assert lease.order.plan.toolchain == newer.tree
    assert lease.toolchain == newer


def test_a_job_that_no_order_can_be_made_of_fails_and_keeps_no_other_back(farm: SmallFarm) -> None:
    bad, good = (accepted.job for accepted in farm.submit(recipe("a"), recipe("b")).accepted)
    renamed = replace(WORLD, toolchains={"renamed": TOOLCHAIN})
    whole, farm.application = farm.application, replace(farm.application, inputs=renamed)
    assert claim(farm.application, farm.workers["one"]) is None
    assert farm.job(bad.id).error_code == farm.job(good.id).error_code == "cannot-be-ordered"
    farm.application = whole
    farm.submit(recipe("a"))
    assert farm.claim().job.name == "a"


def test_the_token_itself_is_not_kept(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    with farm.application.reading() as unit:
        assert attempts.holder(unit.session, lease.attempt.id, worker="one", token_digest=lease.token) is None
