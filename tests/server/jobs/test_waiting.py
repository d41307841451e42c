"""Which builds wait, on random graphs: the farm stores direct needs, and the closure of them is the oracle."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, delete, func, insert, select, update

from farm.core.plan.build_order import Needs, build_order
from farm.core.plan.graph import DependencyCycleError
from farm.server.jobs import dependents, jobs
from farm.server.jobs.dependents import settle_marked
from farm.server.jobs.leases import claim
from farm.server.recipes import recipes
from farm.server.recipes.needs import built_against, needs_of
from farm.server.submissions import submission
from farm.server.submissions.kept_needs import complete_needs
from farm.server.tables.job_rows import JobNeedRow
from farm.server.tables.recipe_rows import RecipeRevisionRow, RevisionNeedRow
from farm.server.tables.session import Database
from farm.server.tables.states import HELD, JobState
from tests.core.plan.closures import waits_for
from tests.farms.small import SmallFarm, recipe
from tests.server.pipeline.test_verdicts import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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
            assert not jobs.marked(unit.session, limit=1)
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
        # In the end, what has not failed itself is built, or blocked by what has.
        while lease := claim(farm.application, farm.workers["one"]):
            farm.finish(lease)
            watched.check()
        states = farm.states()
        broken = {name for name, state in states.items() if state is JobState.FAILED}
        for name, state in states.items():
            if name not in broken:
                held = bool(waits_for(graph, name) & broken)
                assert state is (JobState.BLOCKED if held else JobState.SUCCEEDED), name


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
    monkeypatch.setattr(submission, "settle_marked", _killed)
    with pytest.raises(KeyboardInterrupt):
        farm.submit(recipe("a"), recipe("b", needs=("a",)))
    assert farm.states() == {"a": JobState.WAITING, "b": JobState.WAITING}
    assert claim(farm.application, farm.workers["one"]) is None
    while settle_marked(farm.application):
        pass
    assert farm.states() == {"a": JobState.READY, "b": JobState.WAITING}
    assert farm.build_all() == ["a", "b"]


def _killed(*_: object, **__: object) -> int:
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
        unit.session.exec(insert(RevisionNeedRow), params=[{"revision_id": 1, "needs": "c", "at_build": True}])
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
    found = needs_of(unit.session, (head.current for head in heads.values()))
    return {name: found[head.current] for name, head in heads.items()}
