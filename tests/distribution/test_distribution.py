"""From recipes to a running program from a signed channel: the whole chain on real software."""

from __future__ import annotations

import json
import subprocess
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.distribution.conftest import ALL
from tests.farms.running import FARM, RunningFarm, revised

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

PIPELINE = 'printf "%s\\n" apple banana cherry | grep an | jq -R -c "{fruit: .}"'


def test_every_recipe_is_built_tested_and_released(distribution: RunningFarm) -> None:
    released = {package["name"] for package in distribution.newest()["packages"]}
    assert set(ALL) <= released
    gates = distribution.json("channel", "show", "edge")[0]["candidate"]["gates"]
    assert [(gate["gate"], gate["state"]) for gate in gates] == [
        ("proof", "passed"),
        ("tests", "passed"),
        ("abi", "passed"),
    ]


def test_tests_ran_in_containers_without_a_compiler(distribution: RunningFarm) -> None:
    """A test that failed once and then passed on the same files is one of an unsteady recipe: a warning shows it."""
    tests = [job for job in distribution.json("jobs", "--limit", "200")["jobs"] if job["kind"] == "test"]
    assert len(tests) >= len(ALL)
    ends = {
        job["id"]: f"{job['name']}: {distribution.run('log', str(job['id'])).output[-2000:]}" for job in failed(tests)
    }
    for end in ends.values():
        warnings.warn(end, stacklevel=1)
    newest = {test["subject"]: test for test in sorted(tests, key=lambda test: test["id"])}
    assert not failed(newest.values()), ends


def failed(jobs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [job for job in jobs if job["state"] != "succeeded"]


def test_an_installed_root_runs(distribution: RunningFarm, subscriber: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    distribution.run("install", "--root", str(root), "bash", "grep", "jq", state=subscriber).done()
    ran = subprocess.run(["chroot", root, "/usr/bin/bash", "-c", PIPELINE], capture_output=True, text=True, check=True)
    assert ran.stdout == '{"fruit":"banana"}\n'


def test_a_late_bound_run_has_one_constant_image_and_a_read_only_mount_for_each_package(
    distribution: RunningFarm, subscriber: Path
) -> None:
    ran = distribution.run("run", "bash", "grep", "jq", "--", "bash", "-c", PIPELINE, state=subscriber).done()
    assert ran.output == '{"fruit":"banana"}\n'

    script = "echo ready; read -r line"
    with subprocess.Popen(
        [str(FARM), "run", "bash", "jq", "--", "bash", "-c", script],
        env=distribution.environment(FARM_STATE=str(subscriber)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # Even one that prints may not count as running yet. Other tests run containers too, and some of these end.
        listed = ["docker", "ps", "-aq", "--filter", "label=farm.set"]
        numbers = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        inspected = [container for number in numbers for container in inspect(number)]
        process.communicate("\n")
    image = json.loads(
        subprocess.run(["docker", "inspect", "farm/empty:1"], capture_output=True, text=True, check=True).stdout
    )[0]
    container = next(found for found in inspected if f"{distribution.host}/" in json.dumps(found["Mounts"]))
    assert container["Image"] == image["Id"]
    packages = [mount for mount in container["Mounts"] if mount["Destination"].startswith("/packages/")]
    names = {mount["Destination"].removeprefix("/packages/").split("-")[0] for mount in packages}
    assert {"bash", "jq", "oniguruma", "readline", "ncurses", "glibc"} <= names
    assert not any(mount["RW"] for mount in packages)


def inspect(container: str) -> list[dict[str, Any]]:
    """What the engine says of a container; nothing if it is gone."""
    ran = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=False)
    return json.loads(ran.stdout or "[]")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("package", "command", "printed"),
    [
        ("figlet-scripts", ("figlist",), "Default font: standard"),
        ("grep-scripts", ("bash", "-c", "echo 'a|b' | fgrep -o 'a|'"), "a|"),
        ("gzip-scripts", ("bash", "-c", "echo text | gzip | zcat"), "text"),
    ],
)
def test_scripts_that_are_an_output_work_without_the_package_that_they_belong_to(
    distribution: RunningFarm, subscriber: Path, package: str, command: tuple[str, ...], printed: str
) -> None:
    """Their own tests have the recipe's main package beside them."""
    assert printed in distribution.run("run", package, "--", *command, state=subscriber).done().output


def test_an_image_of_packages_runs_in_docker(distribution: RunningFarm, subscriber: Path) -> None:
    made = distribution.run("image", "build", "jq", "--tag", "farm-test-jq:1", state=subscriber).done()
    try:
        command = ["docker", "run", "--rm", "--network", "none", "farm-test-jq:1", "jq", "-n", "1+1"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2\n"
        again = distribution.run("image", "build", "jq", "--tag", "farm-test-jq:1", state=subscriber).done()
        assert again.output.splitlines()[0] == made.output.splitlines()[0]
        assert "0 of" in again.output
    finally:
        subprocess.run(["docker", "rmi", "-f", "farm-test-jq:1"], capture_output=True, check=False)


def test_search_and_info_show_what_is_verified(distribution: RunningFarm, subscriber: Path) -> None:
    found = distribution.run("search", "json", state=subscriber).done()
    assert "jq" in found.output
    info = distribution.run("info", "jq", state=subscriber).done()
    assert "soname:libonig.so.5" in info.output


def test_a_harmless_revision_is_released_without_a_rebuild_of_what_uses_it(
    distribution: RunningFarm, subscriber: Path, tmp_path: Path
) -> None:
    before, jq_builds = distribution.newest(), distribution.builds_of("jq")
    distribution.submit(revised(tmp_path, "oniguruma", 3)).done()
    after = distribution.newest()
    changed = {package["name"] for package in after["packages"] if package not in before["packages"]}
    assert changed == {name for name in changed if name.startswith("oniguruma")}
    assert changed >= {"oniguruma"}
    assert distribution.builds_of("jq") == jq_builds
    ran = distribution.run("run", "--verbose", "jq", "--", "jq", "-n", "1+1", state=subscriber).done()
    assert ran.output == "2\n"
    assert "oniguruma 6.9.9-3" in ran.message


def test_submitting_everything_again_builds_nothing(distribution: RunningFarm) -> None:
    attempts = _attempts(distribution)
    distribution.submit(*(name for name in ALL if name != "oniguruma")).done()
    assert _attempts(distribution) == attempts


def _attempts(farm: RunningFarm) -> int:
    jobs = farm.json("jobs", "--limit", "500")["jobs"]
    return sum(1 for job in jobs if job["kind"] == "build" and job["answered_by"] is None)
