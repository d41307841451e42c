"""A pull request on a git server, and a real farm: built, tested, shown by the forge, merged, and released as built."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.distribution.conftest import empty_host
from tests.distribution.test_static_consumers import jobs, since
from tests.farms.running import RECIPES, RunningFarm
from tests.server.git.forge import TOKEN, serving_forge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.git.forge import GitForge

pytestmark = [pytest.mark.docker, pytest.mark.toolchain, pytest.mark.redis]

POLICY = "gates: [proof, {tests: {of: changed-and-dependents}}]\n"
RECIPE = """\
name: greeting
version: "1.0"
revision: {revision}
summary: A program of one line, which needs nothing
license: 0BSD
source:
  - file: greeting.c
  - file: LICENSE
toolchain: c
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      cc $CFLAGS -static -o "$DESTDIR/usr/bin/greeting" /sources/greeting.c
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/greeting" /sources/LICENSE
tests:
  - command: [greeting]
    prints: {words}
"""
PROGRAM = """\
#include <stdio.h>

int main(void) {{
    return puts("{words}") < 0;
}}
"""
_SECONDS = 180


def greeting(revision: int, words: str) -> dict[str, bytes]:
    return {
        "recipe.yaml": RECIPE.format(revision=revision, words=words).encode(),
        "greeting.c": PROGRAM.format(words=words).encode(),
        "LICENSE": b"Do with it what you like.\n",
    }


def eventually(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitForge]:
    with serving_forge(tmp_path / "forge") as forge:
        forge.private = True
        yield forge
        assert forge.refused == []


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    tree = tmp_path / "recipes"
    for folder in ("toolchains", "steps"):
        shutil.copytree(RECIPES / folder, tree / folder)
    shutil.copy(RECIPES / "distribution.yaml", tree)
    (tree / "channels").mkdir()
    (tree / "packages").mkdir()
    (tree / "channels" / "edge.yaml").write_text(POLICY)
    farm = RunningFarm(tmp_path / "farm", empty_host(tmp_path), recipes=tree)
    try:
        yield farm.start()
    finally:
        farm.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_pull_request_is_built_tested_shown_merged_and_released_as_it_was_built(
    farm: RunningFarm, forge: GitForge, tmp_path: Path
) -> None:
    known = tmp_path / "known" / "greeting"
    forge.commit({"greeting": greeting(1, "hello")})
    forge.push("main")
    shutil.copytree(forge.tree / "recipes" / "packages" / "greeting", known)
    farm.submit(known).done()
    (tmp_path / "token").write_text(TOKEN)
    options = ("--forge", "github", "--api", forge.api, "--token-file", str(tmp_path / "token"))
    connected = farm.json("git", "connect", "main", forge.url, *options)
    farm.run("git", "sync", "main", "--wait").done()
    before = farm.newest()

    # Opened: workers build and test it, and the forge shows the verdict.
    builds, tests = jobs(farm, "build"), jobs(farm, "test")
    pull = forge.open_pull("topic", {"greeting": greeting(2, "good morning")})
    head = forge.head_of(pull)
    assert forge.send(connected["webhook"], "another secret", "pull_request").status_code == 401
    assert forge.send(connected["webhook"], connected["secret"], "pull_request").status_code == 202
    eventually(lambda: forge.states_of(head)[-1:] == ["success"], lambda: farm.run("git", "show", "main").output)
    assert forge.states_of(head) == ["pending", "success"]
    shown = forge.statuses[-1]
    assert shown["description"] == "2 packages would change, 1 test passed"
    number = shown["target_url"].removeprefix(f"{farm.url}/submissions/")
    assert since(builds, farm, "build") == since(tests, farm, "test") == ["greeting"]
    assert farm.newest() == before, "a preview alone changes no channel"

    # Merged: accepted and released, with the builds that were tested.
    merge = forge.merge(pull)
    assert forge.send(connected["webhook"], connected["secret"], "push").status_code == 202
    eventually(lambda: farm.newest() != before, lambda: farm.run("git", "show", "main").output)
    (preview,) = [found for found in farm.json("submission", "list")["submissions"] if str(found["id"]) == number]
    built = {change["package"]: change["digest"] for change in preview["preview"]["verdict"]["changes"]}
    assert {package["name"]: package["package"] for package in farm.newest()["packages"]} == built
    assert since(builds, farm, "build") == since(tests, farm, "test") == ["greeting"], "it is built or tested twice"
    eventually(lambda: len(forge.states_of(head)) == 3, lambda: forge.statuses)
    assert forge.states_of(head) == ["pending", "success", "success"]
    assert forge.states_of(merge, "farm/submission/main") == ["success"]
    logs = "".join(path.read_text(errors="replace") for path in [*farm.state.rglob("*.log"), farm.state / "up.out"])
    assert not [secret for secret in (TOKEN, connected["secret"]) if secret in logs]
