"""A library is changed in a preview of a real farm: run by its number, accepted, and released as it was built."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.distribution.test_static_consumers import farm, jobs, other_words, since, subscriber
from tests.distribution.users_of_zlib import USERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.farms.running import RunningFarm

__all__ = ["farm", "subscriber"]
pytestmark = [pytest.mark.docker, pytest.mark.toolchain]
_SECONDS = 600


def words(farm: RunningFarm, subscriber: Path, *options: str) -> dict[str, str]:
    """What each of the two programs prints that use zlib."""
    ran = {name: farm.run("run", *options, name, "--", name, state=subscriber).done().output for name in USERS}
    return {name: output.rpartition(", ")[0] for name, output in ran.items()}


def released(farm: RunningFarm) -> dict[str, str]:
    return {package["name"]: package["package"] for package in farm.newest()["packages"]}


def test_a_preview_is_built_tested_run_accepted_and_released_as_it_is(
    farm: RunningFarm, subscriber: Path, tmp_path: Path
) -> None:
    before, builds = released(farm), jobs(farm, "build")
    old = words(farm, subscriber)
    asked = farm.run("submit", "--preview", str(other_words(tmp_path, 2, "previewed")), "--wait").done()
    assert "passes: " in asked.output
    assert since(builds, farm, "build") == ["says-statically", "zlib"]
    assert released(farm) == before

    (listed,) = farm.json("submission", "list", "--state", "preview")["submissions"]
    number = str(listed["id"])
    assert f"submission {number} is a preview until " in asked.output
    assert f"{farm.url}/submissions/{number}" in asked.output
    made = {change["package"]: change["digest"] for change in listed["preview"]["verdict"]["changes"]}
    assert {"zlib", "says-statically"} <= made.keys()
    assert "says-dynamically" not in made

    assert words(farm, subscriber, "--preview", number) == dict.fromkeys(USERS, "stream error, previewed")
    assert words(farm, subscriber) == old == dict.fromkeys(USERS, "stream error")

    builds = jobs(farm, "build")
    accepted = farm.run("submission", "accept", number, "--yes").done()
    assert "with the build of the preview" in accepted.output
    deadline = time.monotonic() + _SECONDS
    while (now := released(farm)) == before:
        assert time.monotonic() < deadline, farm.json("channel", "show", "edge")
        time.sleep(0.5)
    assert since(builds, farm, "build") == [], "something was built a second time"
    assert {name: now[name] for name in made} == made
    assert words(farm, subscriber) == dict.fromkeys(USERS, "stream error, previewed")
