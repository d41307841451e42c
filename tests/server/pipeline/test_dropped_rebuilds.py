"""A dependent whose rebuild has the same files counts as rebuilt, and nothing is released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.plan.abi import AbiVerdict
from farm.server.channels import releases
from farm.server.jobs.leases import claim
from farm.server.tables.pipeline_states import GateState
from tests.farms.small import recipe
from tests.server.pipeline.test_interfaces import Shapes

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from tests.farms.releasing import ReleasingFarm

CHANGED = AbiVerdict.CHANGED


@pytest.fixture
def shapes(releasing: ReleasingFarm, tmp_path: Path) -> Shapes:
    made = Shapes(releasing, tmp_path / "public")
    with releasing.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"always"}')
    made.submit(shape="1.0", draw="1.0")
    made.settle()
    return made


def change_library(shapes: Shapes, version: str, *, same_files: bool) -> list[str]:
    """Submit another `shape`, and build what is ready; return what was built."""
    farm, built = shapes.farm, []
    content = farm.current()["draw"].plan
    shapes.submit(shape=version)
    while lease := claim(farm.application, farm.workers["builder"]):
        built.append(lease.job.name)
        same = lease.job.name == "draw" and same_files
        farm.finish(lease, content=content if same else "", debug=content if same else "")
    return built


def draw(shapes: Shapes) -> Digest:
    return shapes.farm.released()["draw"]


def test_a_dependent_that_came_to_the_same_files_lets_another_interface_in_and_stays_as_it_was(shapes: Shapes) -> None:
    before = draw(shapes)
    assert change_library(shapes, "1.1", same_files=True) == ["shape", "draw"]
    shapes.settle(CHANGED)
    assert shapes.farm.excuses() == {}
    assert shapes.farm.versions()["shape"] == "1.1"
    assert draw(shapes) == before
    assert shapes.compared == [], "it was built against the very library"
    assert shapes.gate() == (GateState.PASSED, "no interface had to be compared")


def test_what_it_was_built_against_before_fits_as_well(shapes: Shapes) -> None:
    before = draw(shapes)
    change_library(shapes, "1.1", same_files=True)
    shapes.settle(CHANGED)
    change_library(shapes, "1.0", same_files=True)
    shapes.settle(CHANGED)
    assert (shapes.farm.versions()["shape"], draw(shapes)) == ("1.0", before)
    assert shapes.compared == []


def test_a_third_library_is_compared_with_the_newest_that_it_was_built_against(shapes: Shapes) -> None:
    change_library(shapes, "1.1", same_files=True)
    shapes.settle(CHANGED)
    second = shapes.farm.released()["shape"]
    with shapes.farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"static-consumers"}')
    assert change_library(shapes, "1.2", same_files=True) == ["shape"]
    shapes.settle(CHANGED)
    assert shapes.farm.released()["shape"] == second
    (compared,) = shapes.compared
    assert compared.before.package.descriptor == second
    assert set(shapes.farm.excuses()) >= {"shape"}


def test_nothing_is_released_for_a_rebuild_of_everything_that_changed_nothing(shapes: Shapes) -> None:
    held, number = shapes.farm.released(), shapes.farm.releases()
    shapes.farm.submit(recipe("tool"))
    shapes.settle()
    shapes.farm.submit(recipe("draw", needs=("shape", "tool"), revision=2))
    shapes.settle()
    there = shapes.farm.released()
    assert there["draw"] != held["draw"]
    content = shapes.farm.current()["draw"].plan
    shapes.farm.submit(recipe("tool", revision=2))
    shapes.farm.finish(shapes.farm.claim("builder"))
    shapes.farm.finish(shapes.farm.claim("builder"), content=content, debug=content)
    shapes.settle()
    after = shapes.farm.released()
    assert {name for name in after if after[name] != there[name]} == {"tool"}
    assert shapes.farm.releases() == number + 3


def test_newer_tests_run_on_the_build_that_stays(releasing: ReleasingFarm) -> None:
    with releasing.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", '{"rebuild":"always"}')
    releasing.submit(recipe("lib"), recipe("app", needs=("lib",)))
    releasing.settle()
    kept = releasing.current()["app"]
    releasing.submit(recipe("lib", revision=2))
    releasing.finish(releasing.claim())
    releasing.finish(releasing.claim(), content=kept.plan)
    releasing.settle()
    tests = "tests:\n  - name: strict\n    command: [/usr/bin/app]\n"
    releasing.submit(recipe("app", needs=("lib",), more=tests))
    releasing.settle(failing=("strict",))
    assert set(releasing.test_runs) == {"strict"}
    assert releasing.released()["app"] == kept.digest
    assert "test 'strict' of app failed" in releasing.excuses()["app"].reason
