"""Other content under a version and revision that a channel has released is refused at submission."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest
from farm.server.channels import candidates, releases
from farm.server.curation.ordering import rollback
from farm.server.identities.access import Actor
from farm.server.jobs import jobs
from farm.server.pipeline.repository.signer_client import SignerUnreachableError
from farm.server.recipes import recipes
from tests.farms.small import TOOLCHAIN, WORLD, recipe

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm


@pytest.fixture
def released(releasing: ReleasingFarm) -> ReleasingFarm:
    """Two packages on edge, one of which is built against the other."""
    releasing.submit(recipe("lib"), recipe("app", needs=("lib",)))
    releasing.settle()
    assert releasing.releases() == 1
    return releasing


def refused(releasing: ReleasingFarm, *recipes: dict[str, bytes]) -> str:
    with pytest.raises(RecipeError) as raised:
        releasing.submit(*recipes)
    return raised.value.message


def test_the_refusal_says_where_what_is_released_and_what_to_do(released: ReleasingFarm) -> None:
    assert refused(released, recipe("lib", flag="evil")) == (
        "packages/lib/recipe.yaml:3:11: lib 1.0-1 is in release 1 of edge, with other content\n"
        "  3 | revision: 1\n"
        "    |           ^\n"
        "  Raise revision to 2: what is published under a version and revision stays what it is."
    )


def test_nothing_of_the_submission_is_taken(released: ReleasingFarm) -> None:
    with released.application.reading() as unit:
        before = (jobs.newest_job(unit.session), recipes.heads(unit.session))
    message = refused(released, recipe("lib", flag="x"), recipe("app", needs=("lib",), flag="x"), recipe("new"))
    assert [line.split(":")[0] for line in message.splitlines() if line.startswith("packages/")] == [
        "packages/app/recipe.yaml",
        "packages/lib/recipe.yaml",
    ]
    with released.application.reading() as unit:
        assert (jobs.newest_job(unit.session), recipes.heads(unit.session)) == before


def test_a_raised_revision_is_taken(released: ReleasingFarm) -> None:
    released.submit(recipe("lib", flag="x", revision=2))
    released.settle()
    assert released.releases() == 2


def test_the_remedy_names_the_revision_after_the_highest_that_was_released(released: ReleasingFarm) -> None:
    for revision in (2, 5):
        released.submit(recipe("lib", revision=revision))
        released.settle()
    assert "Raise revision to 6" in refused(released, recipe("lib", flag="x"))
    assert "Raise revision to 6" in refused(released, recipe("lib", flag="x", revision=5))
    released.submit(recipe("lib", flag="x", revision=3))


def test_what_is_released_no_more_was_released(released: ReleasingFarm) -> None:
    released.submit(recipe("lib", revision=2))
    released.settle()
    with released.application.writing() as unit:
        rollback(unit, Actor("token:cora"), "edge", 1, why="it was better")
    released.settle()
    assert "lib 1.0-2 is in release 2 of edge" in refused(released, recipe("lib", flag="x", revision=2))


def test_a_package_of_a_released_name_is_refused_from_whatever_recipe(released: ReleasingFarm) -> None:
    outputs = "outputs:\n  dev: [include/**]\n"
    released.submit(recipe("lib-dev", version="2.0"))
    released.settle()
    with released.application.planning() as unit:
        # The name is free again, as after its recipe's withdrawal: only releases know it.
        unit.session.connection().exec_driver_sql("DELETE FROM recipe_output WHERE recipe = 'lib-dev'")
    message = refused(released, recipe("lib", version="2.0", more=outputs))
    assert "packages/lib/recipe.yaml:3:11: lib-dev 2.0-1 is in release 2 of edge, with other content" in message
    released.submit(recipe("lib", version="2.0", revision=2, more=outputs))


@pytest.mark.parametrize(
    "more",
    [
        "# only a comment\n",
        "tests: [{name: works, run: lib}]\n",
        "limits: {minutes: 3}\n",
    ],
)
def test_what_leaves_the_plan_as_it_is_may_change(released: ReleasingFarm, more: str) -> None:
    taken = released.submit(recipe("lib", more=more))
    assert taken.accepted[0].job.answered_by is not None
    assert released.build_all_but_tests() == []


def test_another_need_is_other_content(released: ReleasingFarm) -> None:
    assert "app 1.0-1 is in release 1" in refused(released, recipe("app"))
    released.submit(recipe("tool"))
    assert "app 1.0-1 is in release 1" in refused(released, recipe("app", needs=("lib", "tool")))


def test_the_same_recipe_may_come_again_when_the_toolchain_is_another(released: ReleasingFarm) -> None:
    other = replace(TOOLCHAIN, tree=Digest.of(b"another toolchain"))
    farm = released
    farm.application = replace(farm.application, inputs=replace(WORLD, toolchains={"c": other}))
    farm.submit(recipe("lib"))
    farm.build_all_but_tests()
    assert farm.current()["lib"].printed_version == "1.0-1+b2"
    assert "lib 1.0-1 is in release 1" in refused(released, recipe("lib", flag="x"))


def test_what_never_was_released_may_be_anything_under_one_revision(released: ReleasingFarm) -> None:
    for flag in ("x", "y"):
        released.submit(recipe("lib", revision=2, flag=flag))
        released.build_all_but_tests()
    assert released.current()["lib"].printed_version == "1.0-2+b2"


def test_what_waits_for_the_signer_counts_as_released(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("lib"))
    releasing.build_all_but_tests()
    releasing.signer.away = True
    while True:
        with releasing.application.reading() as unit:
            if releases.newest_release(unit.session, "edge", published=False):
                break
        with suppress(SignerUnreachableError):
            releasing.advance()
        releasing.run_tests()
    assert "lib 1.0-1 is in release 1 of edge" in refused(releasing, recipe("lib", flag="x"))
    releasing.signer.away = False
    releasing.settle()
    with releasing.application.reading() as unit:
        assert candidates.open_candidate(unit.session, "edge") is None
