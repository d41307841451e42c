"""Builds that fail alone, with nothing beside them to release, are told of as those are that fail beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.control.small_farm import recipe

if TYPE_CHECKING:
    from tests.release.conftest import ReleasingFarm


def held(releasing: ReleasingFarm) -> dict[str, str]:
    return {name: excuse.gate for name, excuse in releasing.excuses().items()}


def test_an_update_that_cannot_be_built_has_an_excuse_until_the_recipe_is_what_it_was(releasing: ReleasingFarm) -> None:
    farm = releasing.farm
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("a", version="2.0"))
    farm.fail(farm.claim())
    assert releasing.advance() == "idle"
    assert held(releasing) == {"a": "build"}
    excuse = releasing.excuses()["a"]
    assert (excuse.version, excuse.reason) == ("2.0-1", "its build failed: make: *** [all] Error 2")
    assert releasing.advance() == "idle"
    farm.submit(recipe("a"))  # taken back: what is built already is that
    assert releasing.advance() == "idle"
    assert held(releasing) == {}
    assert releasing.releases() == 1


def test_it_has_one_beside_what_is_held_for_other_reasons(releasing: ReleasingFarm) -> None:
    farm = releasing.farm
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("b"))
    farm.finish(farm.claim(), requires=("soname:libgone.so.1",))
    assert releasing.advance() == "refused"
    farm.submit(recipe("a", version="2.0"))
    farm.fail(farm.claim())
    assert releasing.advance() == "refused"
    assert held(releasing) == {"a": "build", "b": "proof"}
