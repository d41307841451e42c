"""A user's own recipe in place of a channel's package, by the commands: built here, installed, run, taken back."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.client.distribution import SmallDistribution
from tests.distribution.conftest import empty_host
from tests.farms.running import FARM, RECIPES, Ran, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Ran]

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

RECIPE = """\
name: say
version: "1.0.1"
summary: Says what it has to say
license: 0BSD
source:
  - file: say.c
toolchain: c
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      cc $CFLAGS -static -o "$DESTDIR/usr/bin/say" /sources/say.c
"""
PROGRAM = '#include <stdio.h>\n\nint main(void) { return puts("patched") < 0; }\n'
WHY = "patch for EXAMPLE-2026-1"
SAID = f"OVERRIDE: say 1.0.1-1, built here, replaces say 1.0-1: {WHY}"
VOID = "  not guaranteed: all that the release guarantees of say 1.0-1; that it was tested with greet"


@pytest.fixture
def farm(tmp_path: Path) -> Command:
    """The command of a user who follows a channel of two packages."""
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf"})
    distribution.publish()
    host = RunningFarm(tmp_path / "nobody", empty_host(tmp_path))
    environment = host.environment(FARM_STATE=str(tmp_path / "state"), FARM_RECIPES=str(RECIPES))

    def run(*arguments: str) -> Ran:
        done = subprocess.run(
            [str(FARM), *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    assert distribution.founded is not None
    run("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint).done()
    (tmp_path / "my-say").mkdir()
    (tmp_path / "my-say" / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "my-say" / "say.c").write_text(PROGRAM)
    return run


def test_a_recipe_of_ones_own_stands_in_until_it_is_taken_back(farm: Command, tmp_path: Path) -> None:
    farm("install", "--root", "root", "greet").done()
    farm("image", "build", "greet", "--tag", "x:1", "--no-load").done()
    farm("override", "say=./my-say", "--why", WHY).done()
    (listed,) = json.loads(farm("override", "list", "--json").done().output)
    assert (listed["for"], listed["made-for"], listed["why"]) == ("host", "say 1.0-1", WHY)
    assert listed["built"]["place"] == str(tmp_path / "my-say")

    upgraded = farm("upgrade", "--root", "root").done().output.splitlines()
    assert upgraded[0] == "say 1.0-1 → 1.0.1-1"
    assert upgraded[-3:] == [SAID, VOID, "  proven with it: all that a proof looks at fits together"]
    assert subprocess.check_output(["chroot", tmp_path / "root", "/usr/bin/say"]) == b"patched\n"
    verified = farm("verify", "--root", "root").done().output
    assert "say 1.0.1-1 was added by the user" in verified
    assert "all as signed, except overrides\n" in verified
    assert {SAID, VOID} <= {*verified.splitlines()}

    ran = farm("run", "greet", "--", "say").done()
    assert ran.output == "patched\n"
    assert ran.message.splitlines()[-3:-1] == [SAID, VOID]

    updated = farm("image", "update", "x:1", "say", "--tag", "x:2", "--no-load").done().output
    assert {SAID, VOID} <= {*updated.splitlines()}
    assert SAID in farm("image", "inspect", "x:2").done().output

    farm("override", "remove", "say").done()
    assert "OVERRIDE" not in farm("upgrade", "--root", "root").done().output
    back = farm("rollback", "--root", "root").done().output.splitlines()
    assert {SAID, VOID} <= {*back}
    assert "say 1.0.1-1 → 1.0-1" in farm("image", "update", "x:2", "say", "--no-load").done().output


def test_a_directory_that_is_none_or_makes_another_package_is_refused(farm: Command) -> None:
    missing = farm("override", "say=./nowhere", "--why", WHY)
    assert missing.status == 1
    assert "error: there is no directory " in missing.message
    alone = farm("override", "say=./my-say", "--recipes", "recipes", "--why", WHY)
    assert alone.status == 1
    assert "to build say, a tree of recipes with its toolchains" in alone.message
    assert "there is no directory recipes" in alone.message
    assert "`--recipes CLONE/recipes`" in alone.message
    other = farm("override", "greet=./my-say", "--why", WHY)
    assert other.status == 1
    assert "my-say makes say, and not greet" in other.message
    assert farm("override", "list").output == "no overrides\n"
