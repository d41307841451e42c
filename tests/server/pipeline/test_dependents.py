"""A dependent whose rebuild failed holds back the change under it, and is retried with every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.channels import releases
from farm.server.curation.ordering import retry
from farm.server.identities.access import Actor
from farm.server.jobs import jobs
from farm.server.jobs.job_actions import cancel
from farm.server.jobs.job_actions import retry as retry_job
from farm.server.tables.states import JobState
from tests.core.sets.values import elf
from tests.farms.small import recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.candidates.status import ChannelStatus
    from farm.server.tables.records import Job
    from tests.farms.releasing import ReleasingFarm

CURATOR = Actor("token:cora")
HEADER = {"include/lib.h": "int f(int);"}


@pytest.fixture(params=["interface-changed", "always"])
def farm(releasing: ReleasingFarm, request: pytest.FixtureRequest) -> ReleasingFarm:
    """A library, a program that is built against it, and one that is not; all released."""
    with releasing.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", f'{{"rebuild":"{request.param}"}}')
    releasing.submit(recipe("lib"), recipe("app", needs=("lib",)), recipe("other"))
    build(releasing, lib=HEADER)
    decide(releasing)
    assert releasing.releases() == 1
    return releasing


def build(releasing: ReleasingFarm, *failing: str, lib: Mapping[str, str] = HEADER) -> list[str]:
    """Build what is ready; the recipes `failing` fail. Return the names of what was tried, in order."""
    farm, tried = releasing, []
    while any(state is JobState.READY for state in farm.states().values()):
        lease = farm.claim()
        tried.append(lease.job.name)
        if lease.job.name in failing:
            farm.fail(lease)
        else:
            farm.finish(lease, files=lib if lease.job.name == "lib" else None)
    return tried


def decide(releasing: ReleasingFarm) -> ChannelStatus:
    for _ in range(20):
        releasing.advance()
        status = releasing.status()
        if status.settled:
            return status
    raise AssertionError("the channel does not settle")


def new_interface(releasing: ReleasingFarm, *failing: str, revision: int = 2) -> list[str]:
    releasing.submit(recipe("lib", revision=revision))
    return build(releasing, *failing, lib={"include/lib.h": f"int f({'long ' * revision});"})


def newest(releasing: ReleasingFarm, name: str) -> Job:
    with releasing.application.reading() as unit:
        return jobs.list_jobs(unit.session, name=name)[0]


def revisions(releasing: ReleasingFarm) -> dict[str, int]:
    with releasing.application.reading() as unit:
        members = releases.release_members(unit.session, "edge", releasing.releases())
        return {member.name: member.revision for member in members}


def test_a_dependent_that_cannot_be_built_again_holds_what_changed_and_nothing_else(farm: ReleasingFarm) -> None:
    farm.submit(recipe("other", revision=2))
    assert sorted(new_interface(farm, "app")) == ["app", "lib", "other"]
    decide(farm)

    assert revisions(farm) == {"lib": 1, "app": 1, "other": 2}
    failed = newest(farm, "app")
    (excuse,) = farm.excuses().values()
    assert (excuse.package, excuse.gate, excuse.job) == ("lib", "dependents", failed.id)
    assert excuse.reason == f"app could not be built again against it: job {failed.id}: {failed.error}"
    assert "Fix" in excuse.remedy
    assert "farm candidate retry edge lib" in excuse.remedy
    assert commands(farm) == [f"farm retry {failed.id}"]


def commands(releasing: ReleasingFarm) -> list[str]:
    return [kept.retry_command for kept in releasing.status().standing]


def test_what_cannot_be_built_again_because_of_another_holds_it_too(farm: ReleasingFarm) -> None:
    farm.submit(recipe("tool"))
    build(farm)
    farm.submit(recipe("app", needs=("lib", "tool"), revision=2))
    build(farm)
    decide(farm)

    farm.submit(recipe("tool", revision=2))
    assert new_interface(farm, "tool")[:1] == ["tool"]
    decide(farm)

    assert revisions(farm)["lib"] == 1
    assert farm.excuses()["lib"].gate == "dependents"


def test_a_rebuild_that_succeeds_lets_it_in_together_with_what_was_rebuilt(farm: ReleasingFarm) -> None:
    new_interface(farm, "app")
    decide(farm)
    failed = newest(farm, "app")

    with farm.application.planning() as unit:
        retry_job(unit, failed.id, trace="t")
    assert build(farm) == ["app"]
    decide(farm)

    assert farm.releases() == 2
    assert revisions(farm)["lib"] == 2
    assert farm.excuses() == {}


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_each_later_change_of_the_dependency_tries_it_again(farm: ReleasingFarm, how: str) -> None:
    if how == "failed":
        new_interface(farm, "app")
    else:
        farm.submit(recipe("lib", revision=2))
        farm.finish(farm.claim(), files={"include/lib.h": "int f(void);"})
        with farm.application.planning() as unit:
            cancel(unit, newest(farm, "app").id, by="cora")
    decide(farm)
    assert farm.excuses()["lib"].gate == "dependents"

    assert new_interface(farm, "app", revision=3) == ["lib", "app"], "nobody said farm retry"
    decide(farm)
    assert revisions(farm)["lib"] == 1

    # A change that keeps the new interface also retries it: the change may contain what it lacks.
    farm.submit(recipe("lib", revision=4, flag="x"))
    assert build(farm, lib={"include/lib.h": "int f(long long long );"}) == ["lib", "app"]
    decide(farm)
    assert revisions(farm)["lib"] == 4
    assert farm.excuses() == {}


def test_a_new_revision_of_the_dependent_tries_it_again(farm: ReleasingFarm) -> None:
    new_interface(farm, "app")
    decide(farm)
    farm.submit(recipe("app", needs=("lib",), revision=2))
    assert build(farm, "app") == ["app"]
    decide(farm)
    assert revisions(farm)["lib"] == 1
    excuses = farm.excuses()
    assert (excuses["lib"].gate, excuses["lib"].job) == ("dependents", newest(farm, "app").id)

    farm.submit(recipe("app", needs=("lib",), revision=3))
    assert build(farm) == ["app"]
    decide(farm)
    assert revisions(farm) == {"lib": 2, "app": 3, "other": 1}


@pytest.mark.parametrize("farm", ["interface-changed"], indirect=True)
def test_going_back_to_the_interface_that_it_was_built_against_lets_it_go_on(farm: ReleasingFarm) -> None:
    new_interface(farm, "app")
    decide(farm)
    farm.submit(recipe("lib", revision=3))
    build(farm, "app")
    decide(farm)
    assert revisions(farm)["lib"] == 3
    assert farm.excuses() == {}


def test_a_curator_may_leave_the_dependent_behind(farm: ReleasingFarm) -> None:
    new_interface(farm, "app")
    decide(farm)
    with farm.application.writing() as unit:
        retry(unit, CURATOR, "edge", packages=["lib"], why="nobody uses app with it")
    decide(farm)

    assert revisions(farm) == {"lib": 2, "app": 1, "other": 1}
    assert farm.excuses() == {}


def test_a_retry_of_everything_leaves_nobody_behind(farm: ReleasingFarm) -> None:
    new_interface(farm, "app")
    decide(farm)
    with farm.application.writing() as unit:
        retry(unit, CURATOR, "edge", why="look again")
    decide(farm)
    assert revisions(farm)["lib"] == 1


def test_who_leaves_a_dependent_behind_does_not_go_past_the_proof(releasing: ReleasingFarm) -> None:
    with releasing.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"interface-changed"}')
    releasing.shape("lib", "1.0", {"lib/liblib.so.1": elf(soname="liblib.so.1", exports=["f"])})
    releasing.shape("app", "1.0", {"bin/app": elf(needs=["liblib.so.1"], imports=["f"])})
    releasing.submit(recipe("lib"), recipe("app", needs=("lib",)))
    build(releasing)
    decide(releasing)
    assert releasing.releases() == 1

    releasing.shape("lib", "2.0", {"lib/liblib.so.1": elf(soname="liblib.so.1", exports=["g"])})
    releasing.submit(recipe("lib", version="2.0"))
    build(releasing, "app")
    decide(releasing)
    assert releasing.excuses()["lib"].gate == "dependents"
    with releasing.application.writing() as unit:
        retry(unit, CURATOR, "edge", packages=["lib"])
    decide(releasing)

    assert releasing.versions() == {"lib": "1.0", "app": "1.0"}
    given = releasing.status()
    assert given.latest is not None
    held: dict[str, Excuse] = {excuse.excuse.package: excuse.excuse for excuse in given.latest.excuses}
    assert "app 1.0-1: bin/app imports f (no version) from liblib.so.1" in held["lib"].reason
