"""Which number a build gets among those of its version and revision, and what happens to one with the same files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import text

from farm.core.names.digest import Digest
from farm.core.names.form import InvalidRecordError
from farm.core.names.printed_version import LAST_BUILD
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.core.plan.job import BuildOrder
from farm.server.identities import access
from farm.server.jobs import jobs
from farm.server.jobs.dependents import open_builds
from farm.server.jobs.finishing import finish_build
from farm.server.jobs.job_actions import retry
from farm.server.jobs.provenance_checks import check_with_workers_key
from farm.server.jobs.rebuilding import request_rebuild
from farm.server.packages import packages
from farm.server.packages.code_consumers import copied_from
from farm.server.recipes import recipes
from farm.server.tables.states import JobState
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, ProvenanceError, build_statement
from tests.farms.small import TOOLCHAIN, WORLD, SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.jobs.leases import Lease
    from farm.server.tables.session import Database

ARCHIVE = "lib/libz.a"


def ordered(lease: Lease) -> BuildOrder:
    assert isinstance(lease.order, BuildOrder)
    return lease.order


def printed(farm: SmallFarm, name: str) -> str:
    return farm.current()[name].printed_version


def test_the_first_build_of_a_revision_has_no_number_to_be_seen(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    assert (ordered(lease).build, "build" in ordered(lease).to_dict()) == (1, False)
    farm.finish(lease)
    assert printed(farm, "a") == "1.0-1"


def test_each_plan_under_one_version_and_revision_has_a_number_of_its_own(farm: SmallFarm) -> None:
    for flag, version in (("x", "1.0-1"), ("y", "1.0-1+b2"), ("z", "1.0-1+b3")):
        farm.submit(recipe("a", flag=flag))
        lease = farm.claim()
        farm.finish(lease, debug="for debuggers")
        assert printed(farm, "a") == printed(farm, "a-debug") == version
    farm.submit(recipe("a", flag="z", revision=2))
    farm.build_all()
    assert printed(farm, "a") == "1.0-2"


def test_a_plan_that_was_carried_out_before_keeps_its_number(farm: SmallFarm) -> None:
    for flag in ("x", "y", "x"):
        farm.submit(recipe("a", flag=flag))
        farm.build_all()
    assert printed(farm, "a") == "1.0-1"


def test_two_plans_of_one_revision_that_are_at_work_at_once_have_different_numbers(farm: SmallFarm) -> None:
    farm.submit(recipe("a", flag="x"))
    first = farm.claim("one")
    farm.submit(recipe("a", flag="y"))
    second = farm.claim("two")
    assert (ordered(first).build, ordered(second).build) == (1, 2)
    farm.finish(second)
    farm.finish(first)
    assert printed(farm, "a") == "1.0-1+b2"


def test_a_number_whose_build_failed_is_given_again(farm: SmallFarm) -> None:
    farm.submit(recipe("a", flag="x"))
    failed = farm.claim()
    farm.fail(failed)
    farm.submit(recipe("a", flag="y"))
    farm.build_all()
    assert printed(farm, "a") == "1.0-1"
    farm.submit(recipe("a", flag="x"))
    lease = farm.claim()
    assert (ordered(lease).plan.digest, ordered(lease).build) == (ordered(failed).plan.digest, 2)


def test_a_recipe_that_is_unchanged_gets_a_number_for_another_toolchain(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    farm.build_all()
    other = replace(TOOLCHAIN, tree=Digest.of(b"another toolchain"))
    farm.application = replace(farm.application, inputs=replace(WORLD, toolchains={"c": other}))
    farm.submit(recipe("a"))
    farm.build_all()
    assert printed(farm, "a") == "1.0-1+b2"


def test_a_build_that_is_tried_again_has_the_number_that_it_had(farm: SmallFarm) -> None:
    farm.submit(recipe("a", flag="x"))
    farm.build_all()
    farm.submit(recipe("a", flag="y"))
    lease = farm.claim()
    assert ordered(lease).build == 2
    farm.fail(lease)
    with farm.application.planning() as unit:
        retry(unit, lease.job.id, trace="again")
    assert ordered(farm.claim()).build == 2


def test_a_reproduction_is_ordered_with_the_number_of_what_it_reproduces(farm: SmallFarm) -> None:
    for flag in ("x", "y", "z"):
        farm.submit(recipe("a", flag=flag))
        farm.build_all()
    with farm.application.writing() as unit:
        second = packages.builds_of(unit.session, "a")[1]
        revision = recipes.find_revision(unit.session, second.recipe)
        assert revision is not None
        request_rebuild(unit, second.plan, revision_id=revision.id, name="a", trace="t")
    lease = farm.claim("two")
    assert (second.build, ordered(lease).build) == (2, 2)
    assert farm.finish(lease).state is JobState.SUCCEEDED


def signed_outcome(farm: SmallFarm, lease: Lease, key: CryptoSigner, build: int):
    outcome, order = farm.outcome(lease), ordered(lease)
    run = BuildRun(key.public_key.keyid, "attempt", "then", "now", outcome.log, {}, build=build)
    built = [(package.descriptor, package.archive.digest) for package in outcome.packages]
    statement = build_statement(order.plan, order.recipe_digest, built, (), run)
    return replace(outcome, provenance=farm.application.blobs.put_bytes(sign_statement(statement, key)))


def test_a_provenance_with_another_number_than_the_lease_is_refused(farm: SmallFarm) -> None:
    key = CryptoSigner.generate_ed25519()
    with farm.application.writing() as unit:
        public = key.public_key.keyval["public"]
        farm.workers["keyed"] = access.enrol(unit, name="keyed", public_key=public, builds=True, tests=False, by="me")
    farm.submit(recipe("a", flag="x"))
    farm.build_all()
    farm.submit(recipe("a", flag="y"))
    lease = farm.claim("keyed")
    for number in (1, 3):
        outcome = signed_outcome(farm, lease, key, number)
        with pytest.raises(ProvenanceError, match=f"it has build number {number}, but the lease has build number 2"):
            finish_build(farm.application, farm.holder(lease), outcome, check_provenance=check_with_workers_key)
    outcome = signed_outcome(farm, lease, key, 2)
    finish_build(farm.application, farm.holder(lease), outcome, check_provenance=check_with_workers_key)
    assert printed(farm, "a") == "1.0-1+b2"


@pytest.fixture
def always(database: Database, tmp_path: Path) -> SmallFarm:
    """A library and a program that is built against it, and rebuilt with each change of the library."""
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild="always"))
    farm.submit(recipe("lib"), recipe("app", needs=("lib",)))
    farm.build_all()
    return farm


def change_library(farm: SmallFarm, revision: int) -> Lease:
    """Submit another library, build it, and return the lease of the program's build against it."""
    farm.submit(recipe("lib", revision=revision))
    farm.finish(farm.claim())
    lease = farm.claim()
    assert lease.job.name == "app"
    return lease


def test_a_worker_carries_out_no_build_whose_number_nobody_could_count_on_from(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    order = ordered(farm.claim()).to_dict()
    assert BuildOrder.from_dict(order | {"build": LAST_BUILD}).build == LAST_BUILD
    with pytest.raises(InvalidRecordError, match="'build' is above 1000000000"):
        BuildOrder.from_dict(order | {"build": LAST_BUILD + 1})


def test_after_the_last_number_comes_none_and_all_else_goes_on(always: SmallFarm) -> None:
    """An intruder in control can have published a build with the last number; the farm has recovered it since."""
    with always.application.database.connection() as connection:
        for statement in ("UPDATE plan SET build = :last", "UPDATE package SET build = :last"):
            connection.execute(text(statement), {"last": LAST_BUILD})
    always.submit(recipe("lib", revision=2))
    assert always.finish(always.claim()).state is JobState.SUCCEEDED
    with always.application.reading() as unit:
        (failed,) = [job for job in jobs.list_jobs(unit.session, limit=9) if job.state is JobState.FAILED]
    assert (failed.name, failed.error_code) == ("app", "too-many-builds")
    assert "app 1.0-1 has no build number left" in failed.error
    assert "Raise the revision in the recipe app, and submit it" in failed.error
    always.submit(recipe("app", needs=("lib",), revision=2), recipe("other"))
    always.build_all()
    assert printed(always, "app") == "1.0-2"


class TestARebuildWithTheSameFiles:
    def test_is_dropped_and_the_earlier_build_stays(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        lease = change_library(always, 2)
        assert always.finish(lease, content=before.plan).state is JobState.SUCCEEDED
        assert always.current()["app"] == before
        with always.application.reading() as unit:
            (dropped,) = packages.packages_of_plan(unit.session, ordered(lease).plan.digest)
        assert (dropped.same_as, dropped.tree, dropped.build) == (before.digest, before.tree, 2)

    def test_with_other_files_takes_the_place_of_the_earlier_build(self, always: SmallFarm) -> None:
        always.finish(change_library(always, 2))
        assert printed(always, "app") == "1.0-1+b2"

    def test_is_built_once_for_each_plan(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        always.finish(change_library(always, 2), content=before.plan)
        for revision, built in ((1, []), (2, [])):
            always.submit(recipe("lib", revision=revision))
            assert always.build_all() == built, "what was built and dropped is built again"
            assert always.current()["app"] == before

    def test_is_dropped_only_when_all_packages_of_the_build_are_the_same(self, always: SmallFarm) -> None:
        always.submit(recipe("app", needs=("lib",), revision=2))
        always.finish(always.claim(), debug="lines")
        before = always.current()["app"]
        always.finish(change_library(always, 2), content=before.plan, debug="other lines")
        assert printed(always, "app") == printed(always, "app-debug") == "1.0-2+b2"
        assert always.current()["app"].tree == before.tree

    def test_of_another_revision_is_none(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        always.submit(recipe("app", needs=("lib",), revision=2))
        always.finish(always.claim(), content=before.plan)
        assert printed(always, "app") == "1.0-2"

    def test_of_other_content_under_the_same_revision_is_none(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        always.submit(recipe("app", needs=("lib",), flag="x"))
        always.finish(always.claim(), content=before.plan)
        assert printed(always, "app") == "1.0-1+b2", "a submitter's change is not the farm's rebuild"

    def test_counts_as_built_against_the_newer_library(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        lease = change_library(always, 2)
        always.finish(lease, content=before.plan)
        with always.application.reading() as unit:
            assert open_builds(unit.session, ["lib"]) == []
            head = recipes.head(unit.session, "app")
        assert head is not None
        assert (head.built_plan, head.newest_plan) == (before.plan, ordered(lease).plan.digest)

    def test_leaves_newer_tests_to_the_build_that_stays(self, always: SmallFarm) -> None:
        before = always.current()["app"]
        always.finish(change_library(always, 2), content=before.plan)
        test = "tests: [{name: works, run: app}]\n"
        always.submit(recipe("app", needs=("lib",), more=test))
        assert always.build_all() == []
        assert always.current()["app"] == before


def test_whose_copies_came_to_the_same_files_is_not_built_again_for_ever(database: Database, tmp_path: Path) -> None:
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild="static-consumers"))

    def finish(lease: Lease, **how: str) -> None:
        files = {ARCHIVE: f"deflate {ordered(lease).plan.revision}"} if lease.job.name == "lib" else None
        consumed = tuple(
            Consumption(dependency.name, dependency.tree, OpenedFiles.of([ARCHIVE]))
            for dependency in ordered(lease).plan.dependencies
        )
        outcome = farm.outcome(lease, files=files, **how)
        finish_build(farm.application, farm.holder(lease), outcome, check_provenance=lambda *_: consumed)

    farm.submit(recipe("lib"), recipe("app", needs=("lib",)))
    finish(farm.claim())
    finish(farm.claim())
    before = farm.current()["app"]
    farm.submit(recipe("lib", revision=2))
    finish(farm.claim())
    finish(farm.claim(), content=before.plan)
    assert farm.current()["app"] == before
    with farm.application.reading() as unit:
        assert not jobs.any_in_state(unit.session, jobs.JobKind.BUILD, (JobState.READY, JobState.WAITING))
        (copied,) = copied_from(unit.session, ["lib"])
    assert copied.tree == farm.current()["lib"].tree, "the copy is that of the newer library, by its files"
