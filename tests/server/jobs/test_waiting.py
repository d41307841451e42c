"""Which builds wait, on random graphs: the farm stores direct needs, and the closure of them is the oracle."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import col, delete, func, insert, select, update

from farm.core.plan.build_order import Needs, build_order
from farm.core.plan.graph import DependencyCycleError, MissingDependencyError
from farm.server.documents.recipe_storage import RecipeStorage
from farm.server.jobs import dependents, finishing, jobs, settling, waiting
from farm.server.jobs.leases import claim
from farm.server.jobs.settling import settle_marked
from farm.server.recipes import recipes
from farm.server.recipes.needs import built_against, needs_of
from farm.server.submissions import submission, taking
from farm.server.submissions.kept_needs import complete_needs
from farm.server.submissions.previewing import submit_preview
from farm.server.tables.job_rows import JobNeedRow, JobRow
from farm.server.tables.recipe_rows import RecipeRevisionRow, RevisionNeedRow
from farm.server.tables.session import Database
from farm.server.tables.states import HELD, JobState
from tests.core.plan.closures import waits_for
from tests.farms.small import WORLD, SmallFarm, recipe
from tests.server.pipeline.test_verdicts import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.server.previews.build_scope import BuildScope
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

NAMES = "abcdef"
SOME = st.frozensets(st.sampled_from(NAMES), max_size=2)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Needs]:
    """Recipes that can be built: needs at run time may form cycles."""
    graph = {name: Needs(draw(SOME) - {name}, draw(SOME) - {name}) for name in NAMES}
    for name in sorted(graph):
        try:
            build_order(graph)
        except DependencyCycleError:
            graph[name] = Needs(run=graph[name].run)
    return graph


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["succeeds", "fails", "succeeds", "succeeds"]),
        st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=2),
    ),
    max_size=14,
)


GREW_OLD = {name: Needs(frozenset("a") if name == "e" else frozenset()) for name in NAMES}
"""What `e` was built with fails later."""


def written(graph: Mapping[str, Needs], name: str, revision: int) -> dict[str, bytes]:
    run = ", ".join(sorted(graph[name].run))
    return recipe(
        name, needs=tuple(sorted(graph[name].build)), revision=revision, flag=str(revision), more=f"requires: [{run}]\n"
    )


class Watched:
    """A farm of which every state of a build is compared with the closure of its needs."""

    def __init__(self, farm: SmallFarm, graph: Mapping[str, Needs]) -> None:
        self.farm, self.graph = farm, graph
        self.revision = 1
        self._before: dict[str, JobState] = {}
        self.submit(frozenset(graph))

    def submit(self, names: frozenset[str]) -> None:
        self.farm.submit(*(written(self.graph, name, self.revision) for name in sorted(names)))
        self.revision += 1
        self.check()

    def step(self, step: str | frozenset[str]) -> None:
        if isinstance(step, frozenset):
            self.submit(step)
        elif lease := claim(self.farm.application, self.farm.workers["one"]):
            (self.farm.finish if step == "succeeds" else self.farm.fail)(lease)
            self.check()

    def check(self) -> None:
        """A build waits exactly while something that it reaches is unbuilt; what it is blocked by cannot be built."""
        states = self.farm.states()
        with self.farm.application.reading() as unit:
            unbuilt = {name for name, head in recipes.heads(unit.session).items() if not head.is_built}
            assert not waiting.marked(unit.session, limit=1)
        for name, state in states.items():
            missing = waits_for(self.graph, name) & unbuilt
            if state in HELD:
                assert missing, name
            if state is JobState.BLOCKED:
                assert {states[other] for other in missing} & {JobState.FAILED, JobState.BLOCKED}, name
            if state is JobState.READY and self._before.get(name) is not JobState.READY:
                assert not missing, (name, missing)
        self._before = states


@given(graph=graphs(), steps=STEPS)
@example(graph=GREW_OLD, steps=[*["succeeds"] * 6, frozenset("a"), "fails"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_builds_wait_exactly_for_what_the_closure_of_their_needs_has_unbuilt(
    migrated_sqlite: Path,
    tmp_path_factory: pytest.TempPathFactory,
    graph: dict[str, Needs],
    steps: list[str | frozenset[str]],
) -> None:
    with small_farm(migrated_sqlite, tmp_path_factory) as farm:
        watched = Watched(farm, graph)
        for step in steps:
            watched.step(step)
        # In the end, what has not failed itself is built, perhaps before something else failed, or blocked by that.
        while lease := claim(farm.application, farm.workers["one"]):
            farm.finish(lease)
            watched.check()
        states = farm.states()
        broken = {name for name, state in states.items() if state is JobState.FAILED}
        for name, state in states.items():
            if name not in broken:
                held = bool(waits_for(graph, name) & broken)
                assert state in ({JobState.BLOCKED, JobState.SUCCEEDED} if held else {JobState.SUCCEEDED}), name


@contextmanager
def small_farm(migrated: Path, folders: pytest.TempPathFactory) -> Iterator[SmallFarm]:
    folder = folders.mktemp("waiting")
    shutil.copyfile(migrated, folder / "farm.db")
    with closing(Database(f"sqlite:///{folder}/farm.db")) as database:
        yield SmallFarm.open(database, folder)
    shutil.rmtree(folder)


def chain(count: int) -> list[dict[str, bytes]]:
    names = [f"p{number:03}" for number in range(count)]
    return [recipe(names[0])] + [recipe(name, needs=(other,)) for other, name in pairwise(names)]


def test_a_submission_of_many_recipes_makes_few_statements_and_a_row_for_each_need(farm: SmallFarm) -> None:
    """More of them only for lists that are longer than a database takes at once."""
    made = []
    for count in (20, 120):
        with statements(farm.application.database) as asked:
            farm.submit(*chain(count))
        made.append(len(asked))
    assert made[1] - made[0] < 20
    with farm.application.reading() as unit:
        assert unit.session.exec(select(func.count()).select_from(JobNeedRow)).one() == 119
        assert unit.session.exec(select(func.count()).select_from(RevisionNeedRow)).one() == 119


def test_what_a_killed_submission_left_to_settle_is_settled_by_another_process(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "_SETTLED_AT_ONCE", 0)
    monkeypatch.setattr(submission, "settle_all_marked", _killed)
    with pytest.raises(KeyboardInterrupt):
        farm.submit(recipe("a"), recipe("b", needs=("a",)))
    assert farm.states() == {"a": JobState.WAITING, "b": JobState.WAITING}
    assert claim(farm.application, farm.workers["one"]) is None
    while settle_marked(farm.application):
        pass
    assert farm.states() == {"a": JobState.READY, "b": JobState.WAITING}
    assert farm.build_all() == ["a", "b"]


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_build_that_many_wait_for_settles_some_at_once_and_marks_the_others(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependents, "_AT_ONCE", 4)
    farm.submit(recipe("a"), *(recipe(name, needs=("a",)) for name in "bcdefg"))
    farm.finish(farm.claim())
    states = Counter(state for name, state in farm.states().items() if name != "a")
    assert states == {JobState.READY: 3, JobState.WAITING: 3}
    while settle_marked(farm.application):
        pass
    assert sorted(farm.build_all()) == list("bcdefg")


def test_needs_from_an_older_schema_are_read_from_the_recipes(farm: SmallFarm) -> None:
    """That schema had the whole environment of a build, as if its recipe named it."""
    graph = {"a": needs("b"), "b": needs("", "c"), "c": needs()}
    farm.submit(*(written(graph, name, 1) for name in graph))
    with farm.application.writing() as unit:
        exact = stored(unit)
        unit.session.exec(insert(RevisionNeedRow), params=[{"revision_id": 1, "package": "c", "at_build": True}])
        unit.session.exec(delete(RevisionNeedRow).where(col(RevisionNeedRow.at_build).is_(False)))
        unit.session.exec(update(RecipeRevisionRow).values(needs_kept=False))
    assert complete_needs(farm.application) == 3
    assert complete_needs(farm.application) == 0
    with farm.application.reading() as unit:
        assert stored(unit) == exact
        assert [build for name in "abc" for build in built_against(unit.session, name)] == ["a", "a"]
    assert farm.build_all()[-1] == "a"


def needs(build: str = "", run: str = "") -> Needs:
    return Needs(frozenset(build), frozenset(run))


def stored(unit: UnitOfWork) -> dict[str, Needs]:
    heads = recipes.heads(unit.session)
    found = needs_of(unit.session, (head.current for head in heads.values())).needs
    return {name: found[head.current] for name, head in heads.items()}


def taken_over(farm: SmallFarm) -> None:
    """Let another recipe make the package of an output that a built recipe requires at run time."""
    farm.submit(recipe("foo", more="outputs: {lib: [lib/**]}\n"), recipe("app", more="requires: [foo-lib]\n"))
    assert sorted(farm.build_all()) == ["app", "foo"]
    farm.submit(recipe("foo", revision=2), recipe("foo-lib"))


def test_a_build_waits_for_the_recipe_that_makes_a_package_now(farm: SmallFarm) -> None:
    taken_over(farm)
    farm.submit(recipe("k", needs=("app",)))
    assert farm.states()["k"] is JobState.WAITING
    assert farm.build_all()[-1] == "k"
    with farm.application.reading() as unit:
        assert built_against(unit.session, "foo-lib") == ["k"]
        assert built_against(unit.session, "foo") == []


def test_a_cycle_through_a_package_that_another_recipe_makes_now_is_refused(farm: SmallFarm) -> None:
    taken_over(farm)
    with pytest.raises(DependencyCycleError) as caught:
        farm.submit(recipe("foo-lib", needs=("app",), revision=2))
    assert caught.value.cycle == ("app", "foo-lib", "app")
    farm.submit(recipe("foo", needs=("app",), revision=3))  # which is in no cycle any more


def test_a_package_that_is_made_no_more_is_missed_where_a_reached_recipe_names_it(farm: SmallFarm) -> None:
    farm.submit(recipe("foo", more="outputs: {lib: [lib/**]}\n"), recipe("app", more="requires: [foo-lib]\n"))
    farm.build_all()
    with pytest.raises(MissingDependencyError, match="app needs 'foo-lib', which no recipe makes"):
        farm.submit(recipe("foo", revision=2), recipe("k", needs=("app",)))


def test_what_ended_jobs_have_to_be_followed_by_is_not_lost_where_they_are_many(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.submit(*(recipe(name) for name in "abcdef"), *(recipe(f"{name}2", needs=(name,)) for name in "abcdef"))
    leases = [farm.claim() for _ in range(6)]
    settle, ended = dependents.settle_all, []
    monkeypatch.setattr(finishing, "settle_all", lambda _, some: ended.extend(some))
    for lease in leases:
        farm.finish(lease)
    monkeypatch.setattr(dependents, "_AT_ONCE", 4)
    with farm.application.planning() as unit:
        settle(unit, ended)
    settling.settle_all_marked(farm.application)
    assert {state for name, state in farm.states().items() if name.endswith("2")} == {JobState.READY}


def test_a_build_whose_toolchain_is_gone_fails_and_keeps_no_other_waiting(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    farm.build_all()
    farm.submit(recipe("b", needs=("a",)), recipe("c"))
    lost = replace(farm.application, inputs=replace(WORLD, toolchains={}))
    with farm.application.writing() as unit:
        unit.session.exec(update(JobRow).where(col(JobRow.name) == "b").values(state="waiting", to_settle=True))
    settling.settle_all_marked(lost)
    assert farm.states()["b"] is JobState.FAILED
    (job,) = [job for job in jobs_of(farm) if job.name == "b"]
    assert job.error_code == "unknown-toolchain"
    assert farm.states()["c"] is JobState.READY


def test_trouble_with_one_marked_job_is_its_own(farm: SmallFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_SETTLED_AT_ONCE", 0)
    monkeypatch.setattr(submission, "settle_all_marked", lambda *_, **__: None)
    farm.submit(recipe("a"), recipe("b"), recipe("c"))
    plan = dependents.plan_for

    def lose(scope: BuildScope, made: Recipe, needs: Iterable[str]) -> Plan:
        if made.name == "b":
            raise KeyError("a row that is not there")
        return plan(scope, made, needs)

    monkeypatch.setattr(dependents, "plan_for", lose)
    settling.settle_all_marked(farm.application)
    assert farm.states() == {"a": JobState.READY, "b": JobState.FAILED, "c": JobState.READY}
    (job,) = [job for job in jobs_of(farm) if job.name == "b"]
    assert job.error_code == "cannot-be-planned"


def test_a_build_waits_for_nothing_that_is_reached_no_more(farm: SmallFarm) -> None:
    """It is neither blocked by what a new revision in between does not need, nor do two wait for each other."""
    farm.submit(recipe("x"), recipe("r", needs=("x",)))
    farm.build_all()
    farm.submit(recipe("x", revision=2, flag="2"))
    farm.submit(recipe("j", needs=("r",)))
    farm.fail(farm.claim())
    assert farm.states()["j"] is JobState.BLOCKED
    farm.submit(recipe("r", revision=2, flag="2"), recipe("x", needs=("j",), revision=3, flag="3"))
    assert farm.build_all() == ["r", "j", "x"]


def test_marked_jobs_are_found_by_their_index(database: Database) -> None:
    if not database.url.startswith("sqlite"):
        pytest.skip("PostgreSQL scans what is small whatever the index")
    with database.read() as session, statements(database) as asked:
        waiting.marked(session, limit=1)
        query = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (1,) * query.count("?")).all()
    assert "ix_job_to_settle" in str(plan)


def test_builds_of_a_preview_wait_for_what_its_own_recipes_make(farm: SmallFarm) -> None:
    new = {"a": recipe("a", more="outputs: {lib: [lib/**]}\n"), "b": recipe("b", needs=("a-lib",))}
    submit_preview(farm.application, new, submitted_by="me", trace="t")
    assert farm.states() == {"a": JobState.READY, "b": JobState.WAITING}


def test_an_upgrade_goes_on_where_a_recipe_cannot_be_read(farm: SmallFarm) -> None:
    """What it requires is not known: its users keep what they had."""
    graph = {"a": needs("b"), "b": needs("", "c"), "c": needs()}
    farm.submit(*(written(graph, name, 1) for name in graph))
    with farm.application.writing() as unit:
        heads = recipes.heads(unit.session)
        lost = recipes.revision(unit.session, heads["b"].current).files
        older = [{"revision_id": heads["a"].current, "package": name, "at_build": True} for name in "bc"]
        unit.session.exec(delete(RevisionNeedRow))
        unit.session.exec(insert(RevisionNeedRow), params=older)
        unit.session.exec(update(RecipeRevisionRow).values(needs_kept=False))
    farm.application.blobs.delete(lost)
    again = replace(farm.application, recipes=RecipeStorage(farm.application.blobs, WORLD.steps))
    assert complete_needs(again) == 2
    assert complete_needs(again) == 0
    with farm.application.reading() as unit:
        assert stored(unit) == {"a": needs("bc"), "b": needs(), "c": needs()}


def jobs_of(farm: SmallFarm) -> list[Job]:
    with farm.application.reading() as unit:
        return jobs.list_jobs(unit.session)
