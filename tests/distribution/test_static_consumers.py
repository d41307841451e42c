"""The effect of a changed zlib on static and other dependents: a farm of few recipes, really built."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.distribution.conftest import empty_host
from tests.distribution.users_of_zlib import USERS, write_user, write_users
from tests.farms.running import RECIPES, RunningFarm, revised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

RUNTIME = ("base-files", "gcc-libs", "glibc")


def small_tree(folder: Path) -> Path:
    """Return a tree with the two programs' recipes; the C library's tests are removed, as they would need a shell."""
    tree = folder / "recipes"
    shutil.copytree(RECIPES, tree)
    for name in RUNTIME:
        path = tree / "packages" / name / "recipe.yaml"
        path.write_text(
            re.sub(r"^(?:tests:\n(?:[ #].*\n|\n)*|test-needs:.*\n)", "", path.read_text(), flags=re.MULTILINE)
        )
    write_users(tree / "packages")
    return tree


def patched(folder: Path, revision: int, script: str) -> Path:
    """Return zlib with another revision, whose sources are edited before they are built."""
    return revised(folder, "zlib", revision, ("  - autotools\n", f"  - run: {script}\n  - autotools\n"))


def other_words(folder: Path, revision: int, words: str) -> Path:
    """Return a zlib that is changed only internally: it calls an error by another name."""
    return patched(folder, revision, f"""sed -i 's/"stream error"/"stream error, {words}"/' zutil.c""")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("static")
    farm = RunningFarm(folder / "farm", empty_host(folder), recipes=small_tree(folder))
    try:
        farm.start()
        farm.submit(*(farm.recipes / "packages" / name for name in (*RUNTIME, "zlib", *USERS))).done()
        yield farm
    finally:
        farm.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def subscriber(farm: RunningFarm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("subscriber")
    options = ("--fingerprint", farm.fingerprint)
    farm.run("subscribe", f"{farm.url}/repository", "edge", *options, state=state).done()
    return state


def said(farm: RunningFarm, subscriber: Path) -> dict[str, str]:
    """What each of the two programs prints, as they are in the newest release."""
    output = {name: farm.run("run", name, "--", name, state=subscriber).done().output for name in USERS}
    return {name: words.rpartition(", ")[0] for name, words in output.items()}


def jobs(farm: RunningFarm, kind: str) -> list[str]:
    listed = farm.json("jobs", "--limit", "500")["jobs"]
    return [job["name"] for job in listed if job["kind"] == kind and job["answered_by"] is None]


def since(before: list[str], farm: RunningFarm, kind: str) -> list[str]:
    """Return the sorted names of the jobs created since then; the newest jobs are listed first."""
    now = jobs(farm, kind)
    return sorted(now[: len(now) - len(before)])


def test_who_has_linked_statically_is_named_and_who_has_not_is_not(farm: RunningFarm) -> None:
    (copy,) = farm.json("copies", "zlib")["copies"]
    assert (copy["recipe"], copy["kind"]) == ("says-statically", "static")
    page = httpx.get(f"{farm.url}/packages/zlib").text
    assert "linked in statically" in page
    built_against = httpx.get(f"{farm.url}/packages/says-dynamically").text
    assert "<td>headers</td>" in built_against
    assert "static libraries" not in built_against


def test_a_changed_inside_reaches_the_one_by_building_it_and_the_other_by_itself(
    farm: RunningFarm, subscriber: Path, tmp_path: Path
) -> None:
    before = jobs(farm, "build")
    farm.submit(other_words(tmp_path, 2, "mended")).done()
    assert since(before, farm, "build") == ["says-statically", "zlib"]
    assert said(farm, subscriber) == dict.fromkeys(USERS, "stream error, mended")


def test_a_dropped_function_is_caught_before_it_is_tested_and_comes_in_with_the_program_that_no_longer_calls_it(
    farm: RunningFarm, tmp_path: Path
) -> None:
    released, tested = farm.newest()["packages"], jobs(farm, "test")
    hide = """sed -i 's/^uLong ZEXPORT crc32_combine(/__attribute__((visibility("hidden"))) &/' crc32.c"""
    refused = farm.submit(patched(tmp_path, 3, hide))
    assert refused.status == 1
    assert "bin/says-dynamically imports crc32_combine" in refused.message
    assert "zlib 1.3.1-3 does not export" in refused.message
    assert not {"zlib", "says-dynamically"} & set(since(tested, farm, "test"))
    now = farm.newest()
    names = ("zlib", "zlib-tests", "says-dynamically")
    kept = [package for package in now["packages"] if package["name"] in names]
    assert kept == [package for package in released if package["name"] in names]

    # It comes in with the program that no longer calls it.
    farm.submit(write_user(tmp_path, "says-dynamically", "1.1", ("crc32_combine(1, 2, 3)", "0UL"))).done()
    assert farm.newest()["number"] == now["number"] + 1
    assert {name: farm.versions()[name] for name in names} == {
        "zlib": "1.3.1-3",
        "zlib-tests": "1.3.1-3",
        "says-dynamically": "1.1-1",
    }


def test_when_the_interface_rules_a_changed_inside_still_rebuilds_only_who_copied_it(
    farm: RunningFarm, subscriber: Path, tmp_path: Path
) -> None:
    farm.stop()
    policy = farm.recipes / "channels" / "edge.yaml"
    policy.write_text(policy.read_text().replace("rebuild: static-consumers", "rebuild: interface-changed"))
    farm.start()
    before = jobs(farm, "build")
    # The function is back: another interface than that of the previous build.
    farm.submit(other_words(tmp_path, 4, "whole")).done()
    assert since(before, farm, "build") == [*sorted(USERS), "zlib"]
    before = jobs(farm, "build")
    farm.submit(other_words(tmp_path, 5, "again")).done()
    assert since(before, farm, "build") == ["says-statically", "zlib"]
    assert said(farm, subscriber) == dict.fromkeys(USERS, "stream error, again")
