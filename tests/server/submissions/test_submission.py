"""Submissions: all or nothing, every problem reported, nothing built twice, nothing rebuilt without need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest
from farm.core.plan.graph import DependencyCycleError, DuplicatePackageError, MissingDependencyError
from farm.server.submissions.submission import submit
from farm.server.tables.states import JobState
from farm.server.transaction.planning_inputs import PlanningInputs
from tests.farms.small import TOOLCHAIN, WORLD, SmallFarm, recipe

if TYPE_CHECKING:
    from farm.errors import FarmError

JQ = recipe("jq", needs=("oniguruma",))
ONIGURUMA = recipe("oniguruma")


def test_what_needs_nothing_is_ready_and_the_rest_waits(farm: SmallFarm) -> None:
    farm.submit(JQ, ONIGURUMA)
    assert farm.states() == {"oniguruma": JobState.READY, "jq": JobState.WAITING}


def test_recipes_are_built_in_the_order_of_their_needs(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b", needs=("c",)), recipe("c"))
    assert farm.build_all() == ["c", "b", "a"]
    assert set(farm.states().values()) == {JobState.SUCCEEDED}


def test_what_is_required_in_one_version_is_found_among_the_recipes(farm: SmallFarm) -> None:
    farm.submit(recipe("b"))
    farm.submit(recipe("a", more="requires: [b = 1.0-1]\n"))
    assert farm.build_all() == ["b", "a"]
    with pytest.raises(MissingDependencyError, match="c"):
        farm.submit(recipe("a", more="requires: [c = 1.0-1]\n"))


def test_submitting_the_same_again_makes_no_job(farm: SmallFarm) -> None:
    first = farm.submit(JQ, ONIGURUMA)
    farm.build_all()
    second = farm.submit(JQ, ONIGURUMA)
    assert [accepted.unchanged for accepted in second.accepted] == [True, True]
    assert [accepted.job.id for accepted in second.accepted] == [accepted.job.id for accepted in first.accepted]
    assert farm.build_all() == []


def test_submitting_the_same_while_it_waits_gives_the_same_job(farm: SmallFarm) -> None:
    first, second = farm.submit(JQ, ONIGURUMA), farm.submit(JQ, ONIGURUMA)
    assert [accepted.job.id for accepted in second.accepted] == [accepted.job.id for accepted in first.accepted]


def test_a_changed_flag_of_a_dependency_rebuilds_it_and_nothing_else(farm: SmallFarm) -> None:
    farm.submit(JQ, ONIGURUMA)
    farm.build_all()
    farm.submit(JQ, recipe("oniguruma", flag="--enable-posix-api"))
    assert farm.build_all() == ["oniguruma"]


def test_going_back_to_an_earlier_recipe_takes_the_build_that_is_there(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    farm.build_all()
    tree = farm.current()["oniguruma"].tree
    farm.submit(recipe("oniguruma", flag="x"))
    farm.build_all()
    assert farm.current()["oniguruma"].tree != tree
    again = farm.submit(ONIGURUMA)
    assert again.accepted[0].job.state is JobState.SUCCEEDED
    assert again.accepted[0].job.answered_by is not None
    assert farm.build_all() == []
    assert farm.current()["oniguruma"].tree == tree


def test_a_recipe_that_changes_only_its_tests_is_not_built_again(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    farm.build_all()
    changed = recipe("oniguruma", more="tests:\n  - command: [/usr/bin/onig-config, --version]\n    prints: '6'\n")
    accepted = farm.submit(changed).accepted[0]
    assert accepted.job.state is JobState.SUCCEEDED
    assert not accepted.unchanged


def test_a_job_that_waits_for_an_older_recipe_is_cancelled_by_a_newer(farm: SmallFarm) -> None:
    old = farm.submit(ONIGURUMA).accepted[0].job
    farm.submit(recipe("oniguruma", flag="x"))
    assert farm.job(old.id).state is JobState.CANCELLED
    assert farm.build_all() == ["oniguruma"]


def test_an_older_build_that_ends_late_does_not_stand_for_the_newer_recipe(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    old = farm.claim()
    farm.submit(recipe("oniguruma", flag="x"), JQ)
    new = farm.claim("two")
    farm.finish(old)
    assert farm.states()["jq"] is JobState.WAITING
    farm.finish(new)
    assert farm.states()["jq"] is JobState.READY
    assert farm.current()["oniguruma"].attempt_id == new.attempt.id


def test_two_recipes_with_one_plan_are_built_once(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    first = farm.claim()
    twin = farm.submit(recipe("oniguruma", more="home: https://example.org\n")).accepted[0].job
    assert farm.job(twin.id).state is JobState.WAITING
    farm.finish(first)
    assert farm.job(twin.id).state is JobState.SUCCEEDED
    assert farm.job(twin.id).answered_by == first.job.id


def test_when_the_first_of_two_twins_fails_the_second_has_its_own_try(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    first = farm.claim()
    twin = farm.submit(recipe("oniguruma", more="home: https://example.org\n")).accepted[0].job
    farm.fail(first)
    assert farm.job(twin.id).state is JobState.READY


def test_another_toolchain_builds_an_unchanged_recipe_again(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    farm.build_all()
    newer = replace(TOOLCHAIN, tree=Digest.of(b"a newer toolchain"))
    world = PlanningInputs(WORLD.distribution, WORLD.platform, {"c": newer}, WORLD.steps)
    farm.application = replace(farm.application, inputs=world)
    farm.submit(ONIGURUMA)
    assert farm.build_all() == ["oniguruma"]


def test_all_problems_of_all_recipes_are_told_with_their_places(farm: SmallFarm) -> None:
    bad = {"recipe.yaml": b"name: bad\nversoin: 1\n"}
    other = recipe("other", more="colour: red\n")
    with pytest.raises(RecipeError) as caught:
        submit(farm.application, {"bad": bad, "other": other, "fine": recipe("fine")}, submitted_by="me", trace="t")
    places = {problem.place.file for problem in caught.value.problems}
    assert places == {"packages/bad/recipe.yaml", "packages/other/recipe.yaml"}
    assert any("versoin" in problem.message and problem.place.line == 2 for problem in caught.value.problems)
    assert farm.states() == {}


@pytest.mark.parametrize(
    ("recipes", "error", "says"),
    [
        ((recipe("jq", needs=("onigurma",)), ONIGURUMA), MissingDependencyError, "onigurma"),
        ((recipe("a", needs=("b",)), recipe("b", needs=("a",))), DependencyCycleError, "a → b → a"),
        ((recipe("a"), recipe("a-doc")), DuplicatePackageError, "a-doc"),
    ],
)
def test_an_impossible_graph_is_refused_and_changes_nothing(
    farm: SmallFarm, recipes: tuple[dict[str, bytes], ...], error: type[FarmError], says: str
) -> None:
    with pytest.raises(error, match=says):
        farm.submit(*recipes)
    assert farm.states() == {}


def test_the_nearest_name_is_looked_for_in_the_whole_distribution(farm: SmallFarm) -> None:
    farm.submit(ONIGURUMA)
    with pytest.raises(MissingDependencyError) as caught:
        farm.submit(recipe("jq", needs=("onigurma",)))
    assert caught.value.message == "jq needs 'onigurma', which no recipe makes"
    assert caught.value.remedy.startswith("Did you mean oniguruma")
    assert caught.value.remedy.endswith("submit a recipe that makes it, before these or with them.")


def test_a_cycle_through_what_is_there_already_is_refused(farm: SmallFarm) -> None:
    farm.submit(JQ, ONIGURUMA)
    with pytest.raises(DependencyCycleError):
        farm.submit(recipe("oniguruma", needs=("jq",)))


def test_a_package_name_belongs_to_one_recipe(farm: SmallFarm) -> None:
    farm.submit(recipe("a", more="outputs:\n  dev: [include/**]\n"))
    with pytest.raises(DuplicatePackageError, match="a-dev"):
        farm.submit(recipe("a-dev"))


def test_an_unknown_toolchain_is_told_with_those_that_there_are(farm: SmallFarm) -> None:
    files = {"recipe.yaml": recipe("x")["recipe.yaml"].replace(b"toolchain: c", b"toolchain: rust")}
    with pytest.raises(RecipeError, match="rust") as caught:
        farm.submit(files)
    assert "It has: c." in str(caught.value)


@pytest.mark.parametrize("name", ["../etc/passwd", "a/b", ".hidden", "", "x" * 200, "a\0b"])
def test_a_file_name_that_is_no_plain_name_is_refused(farm: SmallFarm, name: str) -> None:
    with pytest.raises(RecipeError, match="file beside a recipe"):
        farm.submit({**recipe("x"), name: b"content"})


def test_a_patch_beside_the_recipe_is_a_blob_that_workers_can_fetch(farm: SmallFarm) -> None:
    files = recipe("x", more="source:\n  - file: fix.patch\n")
    farm.submit({**files, "fix.patch": b"--- a\n+++ b\n"})
    lease = farm.claim()
    (source,) = lease.order.plan.sources  # type: ignore[union-attr]
    assert source.patch
    assert farm.application.blobs.read(source.digest) == b"--- a\n+++ b\n"
