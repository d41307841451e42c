"""A preview is built apart from the farm, within a quota; accepted, the farm takes the very same builds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.errors import FarmError
from farm.server.channels.channel_checks import AlreadyError
from farm.server.identities.access import Actor
from farm.server.jobs import jobs
from farm.server.jobs.cause import CauseKind, cause_of
from farm.server.jobs.leases import claim
from farm.server.jobs.planning import plan_of
from farm.server.packages import packages
from farm.server.packages.build_numbers import number_of
from farm.server.previews import builds
from farm.server.submissions import submissions
from farm.server.submissions.job_decisions import retry_job
from farm.server.submissions.pending_submissions import accept, find_submission, withdraw
from farm.server.submissions.previewing import expire_previews, submit_preview
from farm.server.tables.states import JobState, SubmissionState
from farm.server.transaction.planning_inputs import LeasePolicy, PreviewPolicy
from tests.farms.people import name_of, own, signed
from tests.farms.small import SmallFarm, recipe
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.submissions.submission import Submission
    from farm.server.tables.records import Job, Package
    from farm.server.tables.session import Database

ME = Actor("token:me")
LIB, APP = recipe("lib"), recipe("app", needs=("lib",))
CHANGED = recipe("lib", flag="x", revision=2)


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> SmallFarm:
    """A farm with a library and a program that is built again with it."""
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild="always"))
    farm.submit(LIB, APP)
    assert farm.build_all() == ["lib", "app"]
    return farm


def preview(farm: SmallFarm, *recipes: dict[str, bytes], by: str = "me", replaces: int | None = None) -> Submission:
    named = {name_of(files): files for files in recipes}
    return submit_preview(
        farm.application, named, submitted_by=f"token:{by}", trace="trace", origin="a test", replaces=replaces
    )


def built_for(farm: SmallFarm, number: int) -> dict[str, Package]:
    with farm.application.reading() as unit:
        return {package.name: package for package in builds.packages_of_preview(unit.session, number)}


def jobs_of(farm: SmallFarm, number: int) -> dict[str, Job]:
    with farm.application.reading() as unit:
        return {job.name: job for job in jobs.of_preview(unit.session, number, list(JobState))}


def state_of(farm: SmallFarm, number: int) -> SubmissionState:
    with farm.application.reading() as unit:
        return find_submission(unit, number).record.state


def end(farm: SmallFarm, number: int) -> None:
    with farm.application.planning() as unit:
        withdraw(unit, ME, number, curates=False)


def test_a_preview_builds_its_recipes_and_their_dependents_and_changes_nothing(stocked: SmallFarm) -> None:
    before = stocked.current()
    asked = preview(stocked, CHANGED)
    assert [(accepted.revision.name, accepted.job.preview) for accepted in asked.accepted] == [("lib", asked.id)]
    assert stocked.build_all() == ["lib", "app"]
    assert stocked.current() == before
    found = built_for(stocked, asked.id)
    assert sorted(found) == ["app", "lib"]
    assert not {package.digest for package in found.values()} & {package.digest for package in before.values()}
    with stocked.application.reading() as unit:
        assert packages.by_digest(unit.session, [package.digest for package in found.values()]) == {}
        assert packages.builds_of(unit.session, "lib") == [before["lib"]]
    assert state_of(stocked, asked.id) is SubmissionState.PREVIEW


def test_accepted_the_very_same_builds_are_the_farms_and_nothing_is_built_again(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.build_all()
    found = built_for(stocked, asked.id)
    taken = accept(stocked.application, ME, asked.id)
    (accepted,) = taken.accepted
    assert (accepted.job.state, accepted.job.preview) == (JobState.SUCCEEDED, 0)
    assert accepted.job.answered_by == asked.accepted[0].job.id
    with stocked.application.reading() as unit:
        assert cause_of(unit, accepted.job).kind is CauseKind.SUBMISSION
    assert stocked.build_all() == []
    assert stocked.current() == found
    assert state_of(stocked, asked.id) is SubmissionState.TAKEN
    with pytest.raises(AlreadyError, match="it is taken"):
        accept(stocked.application, ME, asked.id)


def test_accepted_before_its_builds_ended_they_go_on_and_are_taken(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    lease = stocked.claim()
    accept(stocked.application, ME, asked.id)
    assert claim(stocked.application, stocked.workers["two"]) is None, "the same plan is built twice"
    stocked.finish(lease)
    assert stocked.build_all() == ["app"]
    assert stocked.current()["lib"] == built_for(stocked, asked.id)["lib"]


def test_a_build_that_fails_after_acceptance_is_tried_again_by_the_farm(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    lease = stocked.claim()
    accept(stocked.application, ME, asked.id)
    stocked.fail(lease)
    again = stocked.claim()
    assert (again.job.name, again.job.preview, again.job.subject) == ("lib", 0, lease.job.subject)


def test_what_was_begun_by_nobody_is_the_farms_job_once_accepted(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    taken = accept(stocked.application, ME, asked.id)
    assert jobs_of(stocked, asked.id)["lib"].error_code == "superseded"
    assert taken.accepted[0].job.state is JobState.READY
    assert stocked.build_all() == ["lib", "app"]


def test_a_submission_is_not_answered_by_a_preview_with_the_same_plan(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.build_all()
    (accepted,) = stocked.submit(CHANGED).accepted
    assert accepted.job.state is JobState.READY
    assert accepted.job.subject == jobs_of(stocked, asked.id)["lib"].subject
    with stocked.application.reading() as unit:
        assert number_of(unit.session, accepted.job.subject or "") == 1
    assert stocked.build_all() == ["lib", "app"]
    # It holds what the farm has now: accepting it changes nothing.
    assert accept(stocked.application, ME, asked.id).accepted[0].unchanged


def test_two_previews_with_the_same_plan_build_it_each_for_itself(stocked: SmallFarm) -> None:
    one, other = preview(stocked, CHANGED), preview(stocked, CHANGED, by="you")
    assert sorted(stocked.build_all()) == ["app", "app", "lib", "lib"]
    assert built_for(stocked, one.id).keys() == built_for(stocked, other.id).keys()
    end(stocked, one.id)
    expire_previews(stocked.application)
    for package in built_for(stocked, other.id).values():
        assert stocked.application.blobs.has(package.archive.digest), "another preview's archive was removed"


def test_a_preview_uses_what_the_farm_has_built(stocked: SmallFarm) -> None:
    stocked.submit(CHANGED)
    waiting = preview(stocked, recipe("app", needs=("lib",), flag="y", revision=2))
    assert jobs_of(stocked, waiting.id)["app"].state is JobState.WAITING
    assert stocked.build_all() == ["lib", "app", "app"], "the farm's own jobs come first"
    plan = built_for(stocked, waiting.id)["app"].plan
    with stocked.application.reading() as unit:
        assert plan_of(unit, plan).dependencies[0].tree == stocked.current()["lib"].tree


def test_what_a_preview_was_built_against_has_moved_so_it_is_built_anew(stocked: SmallFarm) -> None:
    changed_app = recipe("app", needs=("lib",), flag="y", revision=2)
    asked = preview(stocked, changed_app)
    stocked.build_all()
    stocked.submit(CHANGED)
    stocked.build_all()
    taken = accept(stocked.application, ME, asked.id)
    assert (taken.accepted[0].job.state, taken.accepted[0].job.answered_by) == (JobState.READY, None)
    assert stocked.build_all() == ["app"]
    assert stocked.current()["app"] != built_for(stocked, asked.id)["app"]


def test_a_preview_of_a_recipe_that_has_changed_meanwhile_is_stale(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.submit(recipe("lib", flag="z", revision=2))
    with stocked.application.reading() as unit:
        assert find_submission(unit, asked.id).stale == ("lib",)
    with refuses("stale-preview", "lib has changed in the farm") as refused:
        accept(stocked.application, ME, asked.id)
    assert f"--replace {asked.id}" in refused.value.remedy
    again = preview(stocked, CHANGED, replaces=asked.id)
    assert state_of(stocked, asked.id) is SubmissionState.WITHDRAWN
    assert accept(stocked.application, ME, again.id).accepted


def test_what_was_submitted_unchanged_may_not_have_changed_either(stocked: SmallFarm) -> None:
    asked = preview(stocked, LIB, recipe("app", needs=("lib",), flag="y", revision=2))
    stocked.submit(CHANGED)
    stocked.build_all()
    with refuses("stale-preview", "lib has changed in the farm"):
        accept(stocked.application, ME, asked.id)


def test_only_ones_own_open_preview_is_replaced(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    with refuses("not-your-preview"):
        preview(stocked, CHANGED, by="mallory", replaces=asked.id)
    assert state_of(stocked, asked.id) is SubmissionState.PREVIEW


def test_a_withdrawn_preview_stops_and_its_builds_are_removed(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.finish(stocked.claim())
    lease = stocked.claim()
    archive = built_for(stocked, asked.id)["lib"].archive.digest
    end(stocked, asked.id)
    assert {job.state for job in jobs_of(stocked, asked.id).values()} == {JobState.SUCCEEDED, JobState.CANCELLED}
    with refuses("lease-lost"):
        stocked.finish(lease)
    assert stocked.application.blobs.has(archive)
    expire_previews(stocked.application)
    assert built_for(stocked, asked.id) == {}
    assert not stocked.application.blobs.has(archive)
    for package in stocked.current().values():
        assert stocked.application.blobs.has(package.archive.digest)


def test_a_preview_expires(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.clock.passes(timedelta(days=6, hours=23).total_seconds())
    assert expire_previews(stocked.application) == 0
    stocked.clock.passes(3600)
    assert expire_previews(stocked.application) == 1
    assert state_of(stocked, asked.id) is SubmissionState.EXPIRED
    assert claim(stocked.application, stocked.workers["one"]) is None
    with pytest.raises(AlreadyError, match="it is expired"):
        accept(stocked.application, ME, asked.id)


def test_the_builds_of_an_accepted_preview_stay(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.build_all()
    accept(stocked.application, ME, asked.id)
    stocked.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(stocked.application)
    assert built_for(stocked, asked.id) == {}
    for package in stocked.current().values():
        assert stocked.application.blobs.has(package.archive.digest)


def test_submissions_at_the_same_time_do_not_exceed_the_quota(stocked: SmallFarm) -> None:
    stocked.application = replace(stocked.application, preview_policy=PreviewPolicy(most_open=2, minutes_a_day=10))
    begin = threading.Barrier(6)

    def submitted(number: int) -> str:
        begin.wait()
        try:
            preview(stocked, recipe(f"new-{number}"))
        except FarmError as error:
            return error.code
        return "open"

    with ThreadPoolExecutor(begin.parties) as people:
        ended = list(people.map(submitted, range(begin.parties)))
    assert sorted(ended) == ["open"] * 2 + ["preview-quota"] * 4


def test_workers_that_claim_at_the_same_time_do_not_exceed_the_jobs_of_a_submitter(stocked: SmallFarm) -> None:
    stocked.application = replace(stocked.application, preview_policy=PreviewPolicy(most_open=9, most_jobs=2))
    for number in range(6):
        preview(stocked, recipe(f"new-{number}"))
    begin = threading.Barrier(6)

    def claims(name: str) -> bool:
        begin.wait()
        return claim(stocked.application, stocked.workers[name]) is not None

    names = [stocked.enrol(f"w{number}").name for number in range(begin.parties)]
    with ThreadPoolExecutor(begin.parties) as workers:
        assert sum(workers.map(claims, names)) == 2


def test_a_submitter_has_a_quota(stocked: SmallFarm) -> None:
    few = PreviewPolicy(most_open=1, minutes_a_day=10)
    stocked.application = replace(stocked.application, preview_policy=few)
    asked = preview(stocked, CHANGED)
    with refuses("preview-quota", "has 1 open preview, and the farm allows 1"):
        preview(stocked, recipe("new"))
    preview(stocked, recipe("new"), by="you")
    lease = stocked.claim()
    stocked.clock.passes(11 * 60)
    end(stocked, asked.id)
    with refuses("preview-quota", "have taken 11 minutes in the last day, and the farm allows 10"):
        preview(stocked, recipe("other"))
    assert lease.job.name == "lib"
    stocked.clock.passes(24 * 3600)
    preview(stocked, recipe("other"))


def test_a_submitter_has_few_jobs_at_once(stocked: SmallFarm) -> None:
    stocked.application = replace(stocked.application, preview_policy=PreviewPolicy(most_jobs=1))
    preview(stocked, recipe("p"), recipe("q"))
    preview(stocked, recipe("r"), by="you")
    names = [stocked.claim().job.name, stocked.claim("two").job.name]
    assert names == ["p", "r"]
    assert claim(stocked.application, stocked.workers["one"]) is None


def test_previews_come_after_all_that_was_accepted(stocked: SmallFarm) -> None:
    preview(stocked, CHANGED)
    stocked.submit(recipe("new"))
    assert stocked.build_all() == ["new", "lib", "app"]


def test_nothing_is_previewed_that_the_farm_has(stocked: SmallFarm) -> None:
    with refuses("nothing-to-preview"):
        preview(stocked, LIB)
    asked = preview(stocked, LIB, recipe("app", needs=("lib",), flag="y", revision=2))
    assert [(accepted.revision.name, accepted.unchanged) for accepted in asked.accepted] == [
        ("lib", True),
        ("app", False),
    ]


def test_where_recipes_have_owners_a_preview_is_accepted_by_their_signature_alone(stocked: SmallFarm) -> None:
    own(stocked)
    asked = preview(stocked, CHANGED)
    stocked.build_all()
    with stocked.application.reading() as unit:
        assert [missing.owners for missing in find_submission(unit, asked.id).waits_for] == [("alice",)]
    with refuses("not-an-owner"):
        accept(stocked.application, ME, asked.id)
    with refuses("not-an-owner"):
        accept(stocked.application, ME, asked.id, signed("bob", CHANGED))
    assert accept(stocked.application, ME, asked.id, signed("alice", CHANGED)).signed_by == "alice"
    assert stocked.build_all() == []


def test_dependents_that_come_out_the_same_are_dropped_in_a_preview_too(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.finish(stocked.claim())
    lease = stocked.claim()
    assert lease.job.name == "app"
    stocked.finish(lease, content=stocked.current()["app"].plan)
    dropped = built_for(stocked, asked.id)["app"]
    assert dropped.same_as == stocked.current()["app"].digest
    before = stocked.current()["app"]
    accept(stocked.application, ME, asked.id)
    assert stocked.build_all() == []
    assert stocked.current()["app"] == before


def test_a_failed_build_of_a_preview_blocks_nothing_of_the_farm(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED, recipe("top", needs=("lib",)))
    stocked.fail(stocked.claim())
    assert jobs_of(stocked, asked.id)["top"].state is JobState.BLOCKED
    stocked.submit(recipe("other", needs=("lib",)))
    assert stocked.build_all() == ["other"]


def test_a_revision_first_seen_in_a_preview_is_of_whoever_submits_it(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED, by="mallory")
    end_by = Actor("token:mallory")
    with stocked.application.planning() as unit:
        withdraw(unit, end_by, asked.id, curates=False)
    taken = stocked.submit(CHANGED)
    with stocked.application.reading() as unit:
        revision = find_submission(unit, taken.id)
        assert revision.record.state is SubmissionState.TAKEN
        kept = submissions.submission(unit.session, taken.accepted[0].revision.submission)
    assert kept is not None
    assert kept.submitted_by == "token:me"


def retry(farm: SmallFarm, job: int) -> Job:
    with farm.application.planning() as unit:
        return retry_job(unit, ME, job, why="", trace="t", decides=True)


def test_jobs_of_a_preview_are_retried_while_it_is_open_and_within_the_quota(stocked: SmallFarm) -> None:
    asked = preview(stocked, CHANGED)
    stocked.fail(stocked.claim())
    again = retry(stocked, jobs_of(stocked, asked.id)["lib"].id)
    assert (again.preview, again.state) == (asked.id, JobState.READY)
    lease = stocked.claim()
    stocked.fail(lease)
    stocked.application = replace(stocked.application, preview_policy=PreviewPolicy(minutes_a_day=0))
    with refuses("preview-quota", "have taken 0 minutes in the last day, and the farm allows 0"):
        retry(stocked, lease.job.id)


@pytest.mark.parametrize("how", ["withdrawn", "expired", "accepted"])
def test_jobs_of_a_preview_that_has_ended_are_not_retried(stocked: SmallFarm, how: str) -> None:
    asked = preview(stocked, CHANGED)
    lease = stocked.claim()
    stocked.fail(lease)
    if how == "withdrawn":
        end(stocked, asked.id)
    elif how == "accepted":
        accept(stocked.application, ME, asked.id)
    else:
        stocked.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(stocked.application)
    with refuses("job-state", f"is of preview {asked.id}, which is {how}") as refused:
        retry(stocked, lease.job.id)
    assert ("farm jobs --name lib" if how == "accepted" else "farm submit --preview") in refused.value.remedy


def test_the_minutes_of_an_older_preview_count_too(stocked: SmallFarm) -> None:
    stocked.application = replace(stocked.application, preview_policy=PreviewPolicy(minutes_a_day=10))
    preview(stocked, CHANGED)
    stocked.clock.passes(timedelta(days=2).total_seconds())
    stocked.claim()
    stocked.clock.passes(11 * 60)
    with refuses("preview-quota", "have taken 11 minutes"):
        preview(stocked, recipe("other"))
