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
from farm.container.sandbox_spec import Variation
from farm.core.comparison.builds import compare_builds
from tests.build.local_builds import GREET

if TYPE_CHECKING:
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
        ("flag", "CFLAGS"),  # of which the path of the package is a part
        ("flag", "CXXFLAGS"),
    ]
    assert [change.file for change in found.recipe or ()] == ["greet.c", "recipe.yaml"]
    assert "lib/libgreet.so.1" in [change.path for change in found.files]
    (library,) = found.symbols
    assert (library.soname, library.added, library.removed, library.breaks) == ("libgreet.so.1", ("wave",), (), False)
    assert all(seconds and seconds > 0 for seconds in found.seconds)
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


def test_a_repetition_names_the_files_that_differ(local: Local) -> None:
    more = '      install -D --mode=0644 /proc/sys/kernel/hostname "$DESTDIR/usr/share/greet/host"\n'
    local.files["packages/greet/recipe.yaml"] = (GREET.rstrip() + "\n" + more).encode()
    found = {rebuilt.package: rebuilt for rebuilt in local.builds().rebuild("greet", Variation("elsewhere", "0", 0))}
    difference = found["dist.example.org/greet"].difference
    assert difference is not None
    assert list(difference.lines()) == ["share/greet/host differs"]
    assert found["dist.example.org/greet-debug"].difference is None
