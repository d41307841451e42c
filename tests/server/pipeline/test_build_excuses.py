"""Failed builds without other changes to release are reported like those that fail next to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.plan.trouble import Trouble
from farm.server.jobs.leases import release
from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm
    from tests.farms.small import SmallFarm


def held(releasing: ReleasingFarm) -> dict[str, str]:
    return {name: excuse.gate for name, excuse in releasing.excuses().items()}


def test_an_update_that_cannot_be_built_has_an_excuse_until_the_recipe_is_what_it_was(releasing: ReleasingFarm) -> None:
    farm = releasing
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("a", version="2.0"))
    farm.fail(farm.claim())
    assert releasing.advance() == "idle"
    assert held(releasing) == {"a": "build"}
    excuse = releasing.excuses()["a"]
    assert (excuse.version, excuse.reason) == ("2.0-1", "its build failed: make: *** [all] Error 2")
    assert releasing.advance() == "idle"
    farm.submit(recipe("a"))  # reverted: the existing build is of this recipe
    assert releasing.advance() == "idle"
    assert held(releasing) == {}
    assert releasing.releases() == 1


def test_it_has_one_beside_what_is_held_for_other_reasons(releasing: ReleasingFarm) -> None:
    farm = releasing
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("b"))
    farm.finish(farm.claim(), requires=("soname:libgone.so.1",))
    assert releasing.advance() == "refused"
    farm.submit(recipe("a", version="2.0"))
    farm.fail(farm.claim())
    assert releasing.advance() == "refused"
    assert held(releasing) == {"a": "build", "b": "proof"}


def test_what_rests_after_trouble_keeps_nothing_back_and_goes_in_when_it_comes(releasing: ReleasingFarm) -> None:
    farm = releasing
    farm.submit(recipe("a"), recipe("b", needs=("a",)), recipe("c"))
    in_trouble(farm, Trouble.ORIGIN)
    farm.finish(farm.claim())
    assert releasing.advance() == "released"
    assert set(releasing.versions()) == {"c"}
    assert releasing.advance() == "idle"
    excuses = releasing.excuses()
    assert (excuses["a"].reason, excuses["a"].remedy) == ("its build is tried again: the mirror is down", "")
    assert (excuses["b"].root, excuses["b"].reason) == ("a", "a is tried again: the mirror is down")
    farm.clock.passes(100)
    farm.build_all()
    releasing.settle()
    assert set(releasing.versions()) == {"a", "b", "c"}
    assert releasing.excuses() == {}


def test_what_was_set_aside_has_an_excuse_that_names_the_way_out(releasing: ReleasingFarm) -> None:
    farm = releasing
    farm.submit(recipe("b"))
    releasing.settle()
    job = farm.submit(recipe("a")).accepted[0].job
    for _ in range(3):
        in_trouble(farm, Trouble.ENGINE)
        farm.clock.passes(100)
    assert releasing.advance() == "idle"
    excuse = releasing.excuses()["a"]
    assert excuse.reason == "its build was set aside after 3 attempts were lost, on one; the last: the mirror is down"
    assert f"`farm retry {job.id}`" in excuse.remedy


def in_trouble(farm: SmallFarm, trouble: Trouble) -> None:
    lease = farm.claim()
    with farm.application.planning() as unit:
        release(unit, farm.holder(lease), error="the mirror is down", trouble=trouble)
