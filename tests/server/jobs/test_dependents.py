"""What a finished build causes: plans of dependents, rebuilds by the policy, and early cutoff."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from farm.core.package.elf.facts import ElfFacts, Symbol
from farm.core.plan.job import BuildOrder
from farm.server.channels import releases
from farm.server.jobs import jobs
from farm.server.tables.states import JobState
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.core.package.symbols import with_symbols
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.policy.channel import Rebuild
    from farm.server.tables.session import Database


def _names(lease_order: object) -> list[tuple[str, bool]]:
    assert isinstance(lease_order, BuildOrder)
    return [(dependency.name.short, dependency.direct) for dependency in lease_order.plan.dependencies]


def test_a_build_gets_what_its_needs_require_and_no_more(farm: SmallFarm) -> None:
    farm.submit(
        recipe("bash", needs=("readline",)),
        recipe("readline", needs=("ncurses", "sed"), more="requires: [ncurses]\n"),
        recipe("ncurses"),
        recipe("sed"),
    )
    farm.finish(farm.claim())
    farm.finish(farm.claim())
    farm.finish(farm.claim(), requires=("soname:libc.so.6",))
    assert _names(farm.claim().order) == [("ncurses", False), ("readline", True)]


def test_a_job_that_waits_gets_what_its_need_has_come_to_need_meanwhile(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b"))
    farm.submit(recipe("b", needs=("e",), more="requires: [e]\n"), recipe("e"))
    farm.finish(farm.claim())
    farm.finish(farm.claim())
    assert _names(farm.claim().order) == [("b", True), ("e", False)]


def test_a_build_gets_what_its_need_requires_in_exactly_this_version(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b", more="requires: [e = 1.0-1]\n"), recipe("e"))
    farm.finish(farm.claim())
    farm.finish(farm.claim())
    assert _names(farm.claim().order) == [("b", True), ("e", False)]


def test_a_build_does_not_go_on_with_another_version_than_its_need_requires(farm: SmallFarm) -> None:
    farm.submit(recipe("b", more="requires: [e = 1.0-1]\n"), recipe("e"))
    farm.finish(farm.claim())
    farm.finish(farm.claim())
    farm.submit(recipe("a", needs=("b",)), recipe("e", revision=2))
    farm.build_all()
    with farm.application.reading() as unit:
        (job,) = (listed_job for listed_job in jobs.list_jobs(unit.session, limit=10) if listed_job.name == "a")
    assert (job.state, job.error_code) == (JobState.FAILED, "open-set")
    assert job.error == "b 1.0-1 requires exactly e 1.0-1, which no package of the set provides; the set has e 1.0-2"


@pytest.fixture
def strict(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> SmallFarm:
    policy: Rebuild = request.param
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild=policy))
    farm.submit(recipe("a", needs=("b",)), recipe("b", needs=("c",)), recipe("c"))
    farm.build_all()
    return farm


@pytest.mark.parametrize("strict", ["static-consumers", "interface-changed"], indirect=True)
def test_a_dependency_with_the_same_interface_rebuilds_nobody(strict: SmallFarm) -> None:
    strict.submit(recipe("c", flag="x"))
    assert strict.build_all() == ["c"]


@pytest.mark.parametrize("strict", ["interface-changed"], indirect=True)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Symbol("kept", "", "object", size=8), Symbol("kept", "", "object", size=16)),
        (Symbol("act", "", "function"), Symbol("act", "", "object", size=8)),
    ],
)
def test_a_symbol_that_is_exported_as_something_else_is_another_interface(
    strict: SmallFarm, before: Symbol, after: Symbol
) -> None:
    for flag, symbol in (("x", before), ("y", after)):
        library = with_symbols(ElfFacts(soname="libc.so.1"), exports=[symbol])
        strict.shape("c", "1.0", {"lib/libc.so.1": library})
        strict.submit(recipe("c", flag=flag))
        assert strict.build_all() == ["c", "b"]


@pytest.mark.parametrize("strict", ["always"], indirect=True)
def test_the_policy_always_rebuilds_all_dependents_in_order(strict: SmallFarm) -> None:
    strict.submit(recipe("c", flag="x"))
    assert strict.build_all() == ["c", "b", "a"]


@pytest.mark.parametrize("strict", ["static-consumers"], indirect=True)
def test_the_policy_that_is_in_force_counts_from_the_moment_that_it_is(strict: SmallFarm) -> None:
    with strict.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"always"}')
    strict.submit(recipe("c", flag="x"))
    assert strict.build_all() == ["c", "b", "a"]


@pytest.mark.parametrize("strict", ["always"], indirect=True)
def test_other_debug_data_alone_rebuilds_nobody(strict: SmallFarm) -> None:
    before = strict.current()["c"]
    strict.submit(recipe("c", flag="x"))
    lease = strict.claim()
    strict.finish(lease, content=before.plan, debug="other lines")
    assert strict.current()["c"].tree == before.tree
    assert strict.current()["c-debug"].plan != before.plan
    assert strict.build_all() == []
    with strict.application.reading() as unit:
        assert len(jobs.list_jobs(unit.session, name="b")) == 1, "a job was made for what only debuggers read"


@pytest.mark.parametrize("strict", ["always"], indirect=True)
def test_a_rebuild_that_yields_the_same_tree_ends_the_chain(strict: SmallFarm) -> None:
    strict.submit(recipe("c", flag="x"))
    strict.finish(strict.claim())
    before = strict.current()["b"]
    lease = strict.claim()
    assert lease.job.name == "b"
    strict.finish(lease, content=before.plan)
    assert strict.current()["b"].tree == before.tree
    assert strict.build_all() == []
    with strict.application.reading() as unit:
        assert len(jobs.list_jobs(unit.session, name="a")) == 1, "a job was made for what did not change"
    assert set(strict.states().values()) == {JobState.SUCCEEDED}


def test_two_needs_that_end_at_once_make_their_dependent_ready_once(farm: SmallFarm) -> None:
    for number in range(5):
        names = (f"l{number}", f"r{number}")
        farm.submit(recipe(f"top{number}", needs=names), *(recipe(name) for name in names))
        leases = [farm.claim("one"), farm.claim("two")]
        threads = [threading.Thread(target=farm.finish, args=(lease,)) for lease in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert farm.states()[f"top{number}"] is JobState.READY
        farm.finish(farm.claim())


def test_a_recipe_that_cannot_be_planned_fails_in_words(farm: SmallFarm) -> None:
    job = (
        farm.submit(recipe("a", needs=("b-dev",)), recipe("b", more="outputs:\n  dev: [include/**]\n")).accepted[1].job
    )
    farm.build_all()
    ended = farm.job(job.id)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "unknown-package")
    assert "b-dev" in ended.error
