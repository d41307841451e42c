"""`farm shell JOB`: a build that failed on a real farm fails again on another machine, and is opened there."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.build.local_builds import GREET, HELLO
from tests.distribution.conftest import empty_host
from tests.farms.running import FARM, RECIPES, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain, pytest.mark.redis]

SOURCES = {
    "greet": (GREET, "greet.c", 'const char *greet(void) { return "hello"; }\n'),
    "hello": (HELLO.partition("tests:")[0], "hello.c", "int main(void) { greet(undeclared); }\n"),
}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("farm")
    running = RunningFarm(folder / "farm", empty_host(folder))
    try:
        running.start()
        for name, (recipe, file, content) in SOURCES.items():
            (folder / name).mkdir()
            (folder / name / "recipe.yaml").write_text(recipe)
            (folder / name / file).write_text(content)
        assert running.run("submit", str(folder / "greet"), str(folder / "hello"), "--wait").status == 1
        yield running
    finally:
        running.stop()


def elsewhere(farm: RunningFarm, place: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine that has nothing of the farm's but a token."""
    token = (farm.state / "keys" / "admin.token").read_text().strip()
    environment: Mapping[str, str] = farm.environment(
        FARM_URL=farm.url, FARM_TOKEN=token, FARM_RECIPES=str(RECIPES), FARM_STATE=str(place / "state")
    )
    environment = {**environment, "FARM_HOST": str(place / "host"), **more}
    return subprocess.run([FARM, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_a_failed_job_is_opened_on_a_machine_that_has_nothing_of_it(farm: RunningFarm, tmp_path: Path) -> None:
    (job,) = farm.builds_of("hello")
    again = elsewhere(farm, tmp_path, "shell", str(job), "--", "rerun")
    assert again.returncode == 1, again.stderr
    assert "undeclared" in again.stdout
    (kept,) = json.loads(elsewhere(farm, tmp_path, "kept", "--json").stdout)
    assert (kept["recipe"], kept["job"], kept["stop"]) == ("hello", job, "failed")
    libraries = elsewhere(farm, tmp_path, "shell", str(job), "--", "sh", "-c", "ls /packages; ls /usr/lib/libgreet.so")
    assert libraries.stdout.startswith("greet-1.0-"), libraries.stderr
    assert "/usr/lib/libgreet.so" in libraries.stdout
    assert "building" not in libraries.stderr, "it is kept"
    before = elsewhere(farm, tmp_path, "shell", str(job), "--before", "1", "--", "ls", "/sources")
    assert before.stdout == "hello.c\n", before.stderr


def test_a_build_that_succeeded_is_opened_after_all_steps(farm: RunningFarm, tmp_path: Path) -> None:
    (job,) = farm.builds_of("greet")
    ended = elsewhere(farm, tmp_path, "shell", str(job), "--", "sh", "-c", "ls /out/usr/lib; pwd")
    assert ended.returncode == 0, ended.stderr
    assert "does not fail here: this is what it is after all steps" in ended.stderr
    assert "libgreet.so" in ended.stdout
    (kept,) = json.loads(elsewhere(farm, tmp_path, "kept", "--json").stdout)
    assert (kept["recipe"], kept["job"], kept["stop"]) == ("greet", job, "ended")
    again = elsewhere(farm, tmp_path, "shell", str(job), "--", "true")
    assert (again.returncode, again.stderr) == (0, ""), "it is kept"


def test_a_token_is_needed_and_a_job_that_is_there(farm: RunningFarm, tmp_path: Path) -> None:
    (job,) = farm.builds_of("hello")
    refused = elsewhere(farm, tmp_path, "shell", str(job), "--", "true", FARM_TOKEN="")
    assert refused.returncode == 1
    assert "FARM_TOKEN" in refused.stderr
    assert "4711" in elsewhere(farm, tmp_path, "shell", "4711", "--", "true").stderr
