"""The builds of this machine, compared: what changed between two of them, and between a build and its repetition."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.compared_builds import builds_here, files_here
from farm.build.local.forecast import Forecast, forecast
from farm.build.recipe_directory import read_recipe_directory
from farm.client.repository.host import Host
from farm.container.sandbox_spec import Variation
from farm.core.comparison.builds import compare_builds
from farm.core.names.platform import Platform
from farm.core.plan.abi import AbiVerdict
from farm.core.policy.tree import load_tree
from tests.build.local_builds import GREET, RECIPES
from tests.client.distribution import SmallDistribution
from tests.client.images import subscribe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain

WAVE = b'const char *greet(void) { return "hello"; }\nint wave(void) { return 1; }\n'


def test_the_newest_build_is_compared_with_the_one_before(local: Local) -> None:
    local.builds().build(["greet"])
    local.files["packages/greet/greet.c"] = WAVE
    local.files["packages/greet/recipe.yaml"] = GREET.replace('"1.0"', '"1.1"').encode()
    local.builds().build(["greet"])
    newest, before = builds_here(local.state, "greet")
    found = compare_builds(before, newest)
    assert [(change.kind, change.name) for change in found.inputs or ()] == [
        ("version", "version"),
        ("source", "greet.c"),
    ]
    assert [change.file for change in found.recipe or ()] == ["greet.c", "recipe.yaml"]
    assert "lib/libgreet.so.1" in [change.path for change in found.files]
    (library,) = found.symbols
    assert (library.soname, library.added, library.removed, library.breaks) == ("libgreet.so.1", ("wave",), (), False)
    assert all(seconds is not None and seconds >= 0 for seconds in found.seconds)  # whole seconds
    assert (files_here(local.state, newest) / "lib/libgreet.so").readlink() == Path("libgreet.so.1")


def test_a_build_that_is_used_again_is_the_newest(local: Local) -> None:
    files = dict(local.files)
    first = local.builds().build(["greet"])[0].descriptor
    local.files["packages/greet/greet.c"] = WAVE
    second = local.builds().build(["greet"])[0].descriptor
    assert [build.descriptor for build in builds_here(local.state, "greet")] == [second, first]
    local.files = files
    local.builds().build(["greet"])
    assert [build.descriptor for build in builds_here(local.state, "greet")] == [first, second]


def test_the_command_finds_builds_of_this_machine(local: Local, tmp_path: Path) -> None:
    first = local.builds().build(["greet"])[0].descriptor
    local.files["packages/greet/greet.c"] = WAVE
    local.builds().build(["greet"])
    command = [Path(sys.executable).with_name("farm"), "diff", first.digest, "greet"]
    places = {"FARM_STATE": str(local.state.root), "FARM_HOST": str(local.state.host), "HOME": str(tmp_path)}
    asked = {"PATH": os.environ["PATH"], **places}
    ended = subprocess.run([*command, "--json"], env=asked, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    form = json.loads(ended.stdout)
    assert [symbols["added"] for symbols in form["symbols"]] == [["wave"]]
    assert form["before"]["descriptor"] == first.digest
    ended = subprocess.run([*command, "--content", "lib/libgreet.so.1"], env=asked, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout[:2]) == (1, b"- ")


def command_of(local: Local, place: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs the command with the state and the recipes of a test as they are then."""
    environment = {"FARM_STATE": str(local.state.root), "FARM_HOST": str(local.state.host), "HOME": str(place)}
    tree = place / "recipes"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        for path, text in local.files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(text)
        return subprocess.run(
            [Path(sys.executable).with_name("farm"), *arguments],
            env={"PATH": os.environ["PATH"], "FARM_RECIPES": str(tree), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_newest_build_is_compared_with_the_recipe_as_it_is_now_if_that_has_its_plan(
    local: Local, tmp_path: Path
) -> None:
    built, farm = local.builds().build(["greet"])[0].descriptor, command_of(local, tmp_path)
    assert farm("diff", str(built.digest), "greet").returncode == 0
    local.files["packages/greet/recipe.yaml"] = GREET.replace("A library", "One library").encode()
    tested = farm("diff", str(built.digest), "greet")
    assert tested.returncode == 1, tested.stderr
    assert "-summary: A library that greets\n+summary: One library that greets\n" in tested.stdout
    local.files["packages/greet/greet.c"] = WAVE  # another plan: the build is not that of this recipe
    assert farm("diff", str(built.digest), "greet").returncode == 0
    local.files["packages/greet/recipe.yaml"] = b"no recipe"
    assert farm("diff", str(built.digest), "greet").returncode == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_a_package_that_the_channel_does_not_have_is_said_to_be_new_there(
    local: Local, tmp_path: Path, channels: int
) -> None:
    local.builds().build(["greet"])
    for number in range(channels):
        other = SmallDistribution(tmp_path / f"distribution-{number}", domain=f"dist{number}.example.org")
        other.package("say", {"bin/say": "hello"})
        other.publish()
        subscribe(Host(local.state.root, local.state.host), other)
    ended = command_of(local, tmp_path)("diff", "greet")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: greet is new: ")
    assert "`farm files greet` lists" in ended.stderr


def test_a_repetition_names_the_files_that_differ(local: Local) -> None:
    more = '      install -D --mode=0644 /proc/sys/kernel/hostname "$DESTDIR/usr/share/greet/host"\n'
    local.files["packages/greet/recipe.yaml"] = (GREET.rstrip() + "\n" + more).encode()
    found = {rebuilt.package: rebuilt for rebuilt in local.builds().rebuild("greet", Variation("elsewhere", "0", 0))}
    difference = found["dist.example.org/greet"].difference
    assert difference is not None
    assert list(difference.lines()) == ["share/greet/host differs"]
    assert found["dist.example.org/greet-debug"].difference is None


def forecast_of(local: Local, name: str) -> Forecast:
    return forecast(load_tree(local.files), local.files, local.state, Platform("linux", "amd64"), name)


def test_a_forecast_names_what_would_be_built_and_why(local: Local) -> None:
    assert (forecast_of(local, "hello").inputs, forecast_of(local, "hello").first) == (None, ("greet",))
    local.builds().build(["hello"])
    assert forecast_of(local, "hello") == Forecast("hello", is_built=True, inputs=())
    before = local.files["packages/greet/greet.c"]
    local.files["packages/greet/greet.c"] = WAVE
    greet, hello = (forecast_of(local, name) for name in ("greet", "hello"))
    assert [(change.kind, change.name) for change in greet.inputs or ()] == [("source", "greet.c")]
    assert (hello.is_built, hello.inputs, hello.first) == (False, (), ("greet",))
    local.builds().build(["greet"])
    (change,) = forecast_of(local, "hello").inputs or ()
    assert (change.kind, change.name) == ("dependency", "dist.example.org/greet")
    local.files["packages/greet/greet.c"] = before
    assert forecast_of(local, "hello").is_built


def test_what_a_forecast_names_is_what_a_build_does(local: Local) -> None:
    local.builds().build(["hello"])
    local.files["packages/hello/hello.c"] += b"/* said more clearly */\n"
    expected = forecast_of(local, "hello")
    local.builds().build(["hello"])
    newest, before = builds_here(local.state, "hello")
    assert compare_builds(before, newest).inputs == expected.inputs
    assert local.seen == [("greet", "kept"), ("hello", "building"), ("hello", "built")]


def test_types_and_parameters_are_compared_by_debug_data(local: Local, tmp_path: Path) -> None:
    local.files |= {
        path: text for path, text in read_recipe_directory(RECIPES).items() if path.startswith("toolchains/abi.")
    }
    declared = b"const char *greet(%b number) { return number ? 0 : (const char *)&greet; }\n"
    local.files["packages/greet/greet.c"] = declared % b"int"
    first = local.builds().build(["greet"])[0].descriptor
    local.files["packages/greet/greet.c"] = declared % b"double"
    second = local.builds().build(["greet"])[0].descriptor
    assert not compare_builds(*list(builds_here(local.state, "greet"))[::-1]).symbols
    (found,) = local.builds().compare_libraries("greet", first.plan, second.plan)
    assert (found.soname, found.verdict) == ("libgreet.so.1", AbiVerdict.CHANGED)
    assert "type name changed from 'int' to 'double'" in " ".join(found.report)
    (found,) = local.builds().compare_libraries("greet", first.plan, first.plan)
    assert found.verdict is AbiVerdict.COMPATIBLE
    tree = tmp_path / "recipes"
    for path, text in local.files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(text)
    command = [Path(sys.executable).with_name("farm"), "diff", first.digest, "greet", "--abi", "--recipes", tree]
    places = {"FARM_STATE": str(local.state.root), "FARM_HOST": str(local.state.host), "HOME": str(tmp_path)}
    ended = subprocess.run(
        command, env={"PATH": os.environ["PATH"], **places}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert "interface of libgreet.so.1: changed\n" in ended.stdout
