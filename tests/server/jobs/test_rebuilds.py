"""Rebuilds: another worker carries out a plan once more, and nothing that is built depends on the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder
from farm.server.identities import identities
from farm.server.jobs import jobs
from farm.server.jobs.finishing import finish_build
from farm.server.jobs.job_actions import JobStateError, cancel, retry
from farm.server.jobs.leases import LeaseLostError, claim
from farm.server.jobs.rebuilding import request_rebuild
from farm.server.jobs.reported_packages import RefusedOutcomeError
from farm.server.packages import attestations
from farm.server.recipes import recipes
from farm.server.tables import outbox
from farm.server.tables.states import JobKind, JobState
from farm.server.upkeep import take_back_expired
from farm.trust.attestation.provenance import ProvenanceError
from tests.farms.small import TOOLCHAIN, WORLD, SmallFarm, accept_provenance, recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.package.descriptor import Descriptor
    from farm.server.packages.attestations import Attestation, Difference
    from farm.server.tables.records import Job, Package, Worker


def rebuild(farm: SmallFarm, name: str) -> Job:
    """Request a rebuild of the current package of a name."""
    package = farm.current()[name]
    with farm.application.planning() as unit:
        revision = recipes.find_revision(unit.session, package.recipe)
        assert revision is not None
        return request_rebuild(unit, package.plan, revision_id=revision.id, name=name, trace="again")


def built_by_one(farm: SmallFarm, *recipes: dict[str, bytes]) -> None:
    farm.submit(*(recipes or (recipe("a"),)))
    farm.build_all()


def attested(farm: SmallFarm, package: Package) -> tuple[Attestation, ...]:
    with farm.application.reading() as unit:
        return attestations.attestations_of(unit.session, [package.digest]).get(package.digest, ())


def differences(farm: SmallFarm, package: Package) -> tuple[Difference, ...]:
    with farm.application.reading() as unit:
        return attestations.differences_of(unit.session, [package.plan]).get(package.plan, ())


def test_a_rebuild_is_an_order_for_the_same_plan_from_the_same_recipe(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    first = farm.claim("one")
    farm.finish(first)
    job = rebuild(farm, "a")
    second = farm.claim("two")
    assert (second.job.id, second.job.kind, second.job.rebuild) == (job.id, JobKind.BUILD, True)
    assert second.order == first.order
    assert second.toolchain == TOOLCHAIN


def test_the_wish_comes_with_the_message_that_wakes_a_worker(farm: SmallFarm) -> None:
    built_by_one(farm)
    job = rebuild(farm, "a")
    with farm.application.reading() as unit:
        assert job.id in [ring.job_id for ring in outbox.unsent(unit.session, limit=10)]


def test_no_worker_is_given_what_it_has_built_or_rebuilt_itself(farm: SmallFarm) -> None:
    built_by_one(farm)
    job = rebuild(farm, "a")
    assert claim(farm.application, farm.workers["one"]) is None
    assert claim(farm.application, farm.workers["one"], hint=job.id) is None
    farm.finish(farm.claim("two"))
    again = rebuild(farm, "a")
    assert claim(farm.application, farm.workers["one"]) is None
    assert claim(farm.application, farm.workers["two"], hint=again.id) is None
    farm.enrol("three")
    assert farm.claim("three").job.id == again.id


def test_whoever_only_tried_may_try_again(farm: SmallFarm) -> None:
    built_by_one(farm)
    rebuild(farm, "a")
    farm.fail(farm.claim("two"))
    rebuild(farm, "a")
    assert farm.claim("two").job.rebuild


def test_first_builds_go_before_rebuilds(farm: SmallFarm) -> None:
    built_by_one(farm)
    again = rebuild(farm, "a")
    new = farm.submit(recipe("b")).accepted[0].job
    assert [farm.claim("two").job.id, farm.claim("two").job.id] == [new.id, again.id]


def test_an_equal_rebuild_is_kept_with_what_its_worker_signed(farm: SmallFarm) -> None:
    built_by_one(farm)
    before = farm.current()["a"]
    rebuild(farm, "a")
    lease = farm.claim("two")
    assert farm.finish(lease).state is JobState.SUCCEEDED
    (attestation,) = attested(farm, before)
    assert (attestation.built_by, attestation.attempt_id) == ("two", lease.attempt.id)
    assert farm.application.blobs.read(attestation.provenance.digest) == b"signed"
    assert farm.current()["a"] == before
    assert differences(farm, before) == ()


def test_a_different_rebuild_names_the_files_and_changes_nothing_that_is_built(farm: SmallFarm) -> None:
    built_by_one(farm, recipe("a"), recipe("b", needs=("a",)))
    before = farm.current()
    rebuild(farm, "a")
    ended = farm.finish(farm.claim("two"), content="something else")
    assert (ended.state, ended.error_code) == (JobState.FAILED, "not-reproduced")
    assert ended.error == "two rebuilt it with a different result than one: share/a/x differs in a"
    (difference,) = differences(farm, before["a"])
    (package,) = difference.packages
    assert (package.first, package.count, package.files[0].path) == (before["a"].tree, 1, "share/a/x")
    assert package.second not in (None, before["a"].tree)
    assert farm.current() == before
    assert attested(farm, before["a"]) == ()


def test_a_package_that_the_rebuild_lacks_is_a_difference(farm: SmallFarm) -> None:
    farm.submit(recipe("a", more="outputs:\n  dev: [include/**]\n"))
    lease = farm.claim("one")
    main = farm.outcome(lease)
    built = main.packages[0]
    named = replace(built.descriptor, name=replace(built.descriptor.name, short="a-dev"))
    both = replace(main, packages=(built, replace(built, descriptor=named)))
    finish_build(farm.application, farm.holder(lease), both, check_provenance=accept_provenance)
    rebuild(farm, "a")
    assert "the package a-dev is missing" in farm.finish(farm.claim("two")).error


@pytest.mark.parametrize("ends", ["fails", "differs", "is cancelled", "costs its workers"])
def test_a_rebuild_that_goes_wrong_breaks_neither_the_recipe_nor_its_dependents(farm: SmallFarm, ends: str) -> None:
    built_by_one(farm)
    job = rebuild(farm, "a")
    if ends == "fails":
        farm.fail(farm.claim("two"))
    elif ends == "differs":
        farm.finish(farm.claim("two"), content="something else")
    elif ends == "is cancelled":
        with farm.application.planning() as unit:
            cancel(unit, job.id, by="somebody")
    else:
        for _ in range(3):
            farm.claim("two")
            farm.clock.passes(100)
            take_back_expired(farm.application)
            farm.clock.passes(100)
    assert farm.job(job.id).state in (JobState.FAILED, JobState.CANCELLED, JobState.SET_ASIDE)
    needs_it = farm.submit(recipe("b", needs=("a",))).accepted[0].job
    assert farm.job(needs_it.id).state is JobState.READY
    assert farm.submit(recipe("a")).accepted[0].unchanged


def test_a_rebuild_is_no_unfinished_build_and_no_job_of_the_recipe(farm: SmallFarm) -> None:
    built_by_one(farm)
    first = farm.submit(recipe("a")).accepted[0].job
    job = rebuild(farm, "a")
    with farm.application.reading() as unit:
        assert not jobs.any_in_state(unit.session, JobKind.BUILD, [JobState.READY])
        assert jobs.pending_of_recipes(unit.session, ["a"]) == []
        assert job.revision_id is not None
        assert jobs.latest_of_revision(unit.session, job.revision_id) == first
    farm.submit(recipe("a", flag="newer"))
    assert farm.job(job.id).state is JobState.READY, "a new recipe does not cancel the rebuild of what is there"


def test_what_is_not_vouched_for_or_is_no_outcome_is_refused_as_for_a_build(farm: SmallFarm) -> None:
    def refuse(envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int) -> None:
        raise ProvenanceError(packages[0].name.short, f"{worker.name} did not sign it")

    built_by_one(farm)
    rebuild(farm, "a")
    lease = farm.claim("two")
    outcome = farm.outcome(lease)
    with pytest.raises(ProvenanceError, match="two did not sign it"):
        finish_build(farm.application, farm.holder(lease), outcome, check_provenance=refuse)
    descriptor = replace(outcome.packages[0].descriptor, plan=Digest.of(b"another"))
    lie = replace(outcome, packages=(replace(outcome.packages[0], descriptor=descriptor),))
    with pytest.raises(RefusedOutcomeError, match="plan"):
        finish_build(farm.application, farm.holder(lease), lie, check_provenance=accept_provenance)
    assert attested(farm, farm.current()["a"]) == ()
    assert farm.finish(lease).state is JobState.SUCCEEDED


def test_a_report_after_the_lease_has_ended_leaves_no_trace(farm: SmallFarm) -> None:
    built_by_one(farm)
    rebuild(farm, "a")
    late = farm.claim("two")
    farm.clock.passes(100)
    take_back_expired(farm.application)
    for content in ("", "something else"):
        with pytest.raises(LeaseLostError):
            farm.finish(late, content=content)
    package = farm.current()["a"]
    assert (attested(farm, package), differences(farm, package)) == ((), ())


def test_a_worker_whose_key_is_revoked_has_said_nothing(farm: SmallFarm) -> None:
    built_by_one(farm, recipe("a"), recipe("b"))
    for name, content in (("a", ""), ("b", "something else")):
        rebuild(farm, name)
        farm.finish(farm.claim("two"), content=content)
    with farm.application.writing() as unit:
        identities.revoke_worker(unit.session, "two", now=unit.now)
    current = farm.current()
    assert (attested(farm, current["a"]), differences(farm, current["b"])) == ((), ())


def test_a_rebuild_can_be_tried_again_and_there_is_one_at_a_time(farm: SmallFarm) -> None:
    built_by_one(farm)
    job = rebuild(farm, "a")
    farm.finish(farm.claim("two"), content="something else")
    with farm.application.planning() as unit:
        again = retry(unit, job.id, trace="t")
        assert (again.rebuild, again.state, again.subject) == (True, JobState.READY, job.subject)
        with pytest.raises(JobStateError, match="already"):
            retry(unit, job.id, trace="t")
        assert job.subject is not None
        assert [listed_job.id for listed_job in jobs.rebuilds_of(unit.session, [job.subject])[job.subject]] == [
            job.id,
            again.id,
        ]


def test_a_rebuild_whose_toolchain_is_gone_fails_in_words(farm: SmallFarm) -> None:
    built_by_one(farm)
    job = rebuild(farm, "a")
    newer = replace(TOOLCHAIN, tree=Digest.of(b"a newer toolchain"))
    farm.application = replace(farm.application, inputs=replace(WORLD, toolchains={"c": newer}))
    assert claim(farm.application, farm.workers["two"]) is None
    assert "no longer has the toolchain that it was built with" in farm.job(job.id).error


def test_the_plan_is_carried_out_with_the_packages_of_back_then(farm: SmallFarm) -> None:
    built_by_one(farm, recipe("a", needs=("b",)), recipe("b"))
    farm.submit(recipe("b", flag="newer"))
    farm.build_all()
    rebuild(farm, "a")
    order = farm.claim("two").order
    assert isinstance(order, BuildOrder)
    assert order.archives[0].tree != farm.current()["b"].tree
    assert order.plan.dependencies[0].tree == order.archives[0].tree
