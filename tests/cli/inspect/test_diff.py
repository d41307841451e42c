"""`farm diff` as a user types it: packages of channels, and releases; the builds of this machine are in tests/build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.core.recipe.contents import RecipeContents
from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from collections.abc import Callable

    Farm = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = Path(sys.executable).with_name("farm")


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    """Of two releases: `parse` is of another version, `reader` rebuilt against it, `say` gone, `new` there."""
    distribution = SmallDistribution(tmp_path / "distribution")
    text = 'name: parse\nversion: "{}"\n'
    parse = {"lib/parse.a": "one\n", "share/parse/words": "one\ntwo\n", "share/parse/data": b"\0\1"}
    distribution.package("parse", parse, text=text.format("1.0"), made_of={"parse.c": b"1"})
    distribution.package("reader", {"bin/reader": "\x7fnot elf"}, linked=("parse",))
    distribution.package("say", {"bin/say": "hello"})
    distribution.package("same", {"share/same": "the same"})
    distribution.publish()
    parse = {"lib/parse.a": "one\n", "share/parse/words": "one\nTWO\n", "share/parse/data": b"\0\2", "bin/parse": "new"}
    distribution.package("parse", parse, version="1.1", text=text.format("1.1"), made_of={"parse.c": b"2"})
    distribution.package("reader", {"bin/reader": "\x7fnot elf, but longer"}, linked=("parse",))
    del distribution.entries["say"]
    distribution.package("new", {"bin/new": "hello"})
    distribution.publish()
    return distribution


@pytest.fixture
def farm(distribution: SmallDistribution, tmp_path: Path) -> Farm:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FARM_STATE": str(tmp_path / "state"),
        "FARM_HOST": str(tmp_path / "host"),
    }

    def run(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
        given = environment | ({"PATH": path} if path else {})
        return subprocess.run(
            [COMMAND, *arguments], env=given, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert distribution.founded is not None
    done(run("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint))
    return run


def done(ended: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert ended.returncode == status, ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
    return ended.stdout


def json_of(ended: subprocess.CompletedProcess[str], status: int) -> Any:
    return json.loads(done(ended, status))


def test_two_builds_of_a_package_show_only_what_differs(farm: Farm) -> None:
    printed = done(farm("diff", "parse@edge@1", "parse@edge"), 1)
    head, inputs, version, source, *_ = printed.splitlines()
    assert head == "parse 1.0-1 (edge@1) → parse 1.1-1 (edge@2)"
    assert (inputs, version) == ("inputs: 2", "  version 1.0-1 → 1.1-1")
    assert source.startswith("  source parse.c sha256:6b86b273ff34 → sha256:d4735e3a265e")
    assert '-version: "1.0"\n+version: "1.1"\n' in printed
    files = printed.partition("files: ")[2].splitlines()
    assert files[:4] == [
        "1 added, 2 changed; 3 B larger",
        "  + bin/parse  3 B, 0755",
        "  ~ share/parse/data  2 B, other content",
        "  ~ share/parse/words  8 B, other content",
    ]
    assert files[4:] == ["provides: +command:parse +interpreter:/usr/bin/parse"]


def test_the_same_is_said_plainly(farm: Farm) -> None:
    assert done(farm("diff", "same@edge@1", "same@edge")).splitlines()[1].startswith("no differences: both are sha256:")
    assert done(farm("diff", "edge@2")).splitlines()[1] == "no differences: both hold the same packages"
    assert json_of(farm("diff", "edge@2", "--json"), 0)["equal"] is True
    assert done(farm("diff", "parse@edge@1", "parse@edge", "--content", "lib/parse.a")) == (
        "no differences: lib/parse.a is the same in both\n"
    )


def test_the_recipe_of_a_released_build_is_the_one_whose_tests_count(
    distribution: SmallDistribution, farm: Farm
) -> None:
    text = distribution.keep(b'name: parse\nversion: "1.1"\ntests: []\n')
    entry, member = distribution.entries["parse"]
    tests = distribution.keep(RecipeContents(text.digest, {}).to_json())
    distribution.entries["parse"] = replace(entry, tests=tests.digest), member
    distribution.publish()
    printed = done(farm("diff", "parse@edge@2", "parse@edge"), 1)
    assert "+tests: []\n" in printed


def test_one_build_is_named_in_several_ways(distribution: SmallDistribution, farm: Farm) -> None:
    old = json_of(farm("diff", "parse@edge@1", "parse@edge", "--json"), 1)
    for name in ("parse=1.0", "parse=1.0-1", old["before"]["descriptor"]):
        assert json_of(farm("diff", name, "parse@edge", "--json"), 1) == old
    assert old["files"][0] | {"after": None} == {"path": "bin/parse", "change": "added", "before": None, "after": None}
    assert [(change["kind"], change["name"]) for change in old["inputs"]] == [
        ("version", "version"),
        ("source", "parse.c"),
    ]


def test_releases_say_why_a_package_was_built_anew(farm: Farm) -> None:
    said = done(farm("diff", "edge@1"), 1)
    assert said == done(farm("diff", "edge@1", "edge@2"), 1)
    lines = said.splitlines()
    assert lines[0] == "release 1 of dist.example.org/edge → release 2 of dist.example.org/edge"
    assert lines[1:3] == ["+ new 1.0-1", "~ parse 1.0-1 → 1.1-1: another version"]
    assert lines[3].startswith("~ reader 1.0-1: rebuilt: dependency dist.example.org/parse 1.0 → 1.1 (sha256:")
    assert lines[4:] == ["- say 1.0-1"]
    form = json_of(farm("diff", "edge@1", "edge@2", "--json"), 1)
    kinds = {package["name"]: package["change"] for package in form["packages"]}
    assert kinds == {"new": "added", "parse": "version", "reader": "rebuilt", "say": "removed"}


def test_releases_are_compared_without_archives_and_manifests(distribution: SmallDistribution, farm: Farm) -> None:
    for entry, _ in distribution.entries.values():
        for blob in (entry.archive, entry.manifest):
            distribution.blobs.delete(blob.digest)
    assert "~ reader 1.0-1: rebuilt: dependency" in done(farm("diff", "edge@1", "edge@2"), 1)


def test_the_lines_of_one_file_are_compared(farm: Farm, tmp_path: Path) -> None:
    asked = ("diff", "parse@edge@1", "parse@edge", "--content")
    assert "\n one\n-two\n+TWO\n" in done(farm(*asked, "share/parse/words"), 1)
    printed = done(farm(*asked, "share/parse/data"), 1)
    assert printed.startswith("- 2 B, 0644, sha256:")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "diffoscope").write_text(
        '#!/bin/sh\nshift 3\necho "read $#"; od -An -tx1 "$1"; od -An -tx1 "$2"; exit 1\n'
    )
    (tools / "diffoscope").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    assert done(farm(*asked, "share/parse/data", path=path), 1) == "read 2\n 00 01\n 00 02\n"


def test_a_limit_bounds_what_is_listed(farm: Farm) -> None:
    printed = done(farm("diff", "parse@edge@1", "parse@edge", "--limit", "1"), 1)
    assert "  + bin/parse  3 B, 0755\n  and 2 more (--limit 0 shows all)\n" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("parse",), "no build of parse is on this machine"),
        (("edge@1", "parse@edge"), "a package and a release"),
        (("edge@9",), "has no release 9"),
        (("edge@1", "edge@2", "--content", "x"), "are about a package: name two builds"),
        (("parse@edge@1", "parse@edge", "--content", "lib/prase.a"), "Did you mean lib/parse.a or"),
        (("parse=7", "parse@edge"), "There are 1.1-1, 1.0-1."),
        (("parse@edge@1", "parse@edge", "--abi"), "that are on this machine"),
        (("../..", "parse@edge"), "is not a package name"),
        (("parse@edge", "@"), "'@' names neither a build nor a release"),
        ((f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"), "Name the package of the other side"),
    ],
)
def test_trouble_has_a_status_of_its_own(farm: Farm, arguments: tuple[str, ...], says: str) -> None:
    ended = farm("diff", *arguments)
    done(ended, 2)
    assert says in ended.stderr


def test_names_are_completed_from_what_is_here(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "recipes/packages/parser").mkdir(parents=True)
    done(farm("info", "parse"))
    completed = subprocess.run(
        [COMMAND],
        env={**os.environ, "_FARM_COMPLETE": "bash_complete", "COMP_WORDS": "farm diff pars", "COMP_CWORD": "2",
             "FARM_STATE": str(tmp_path / "state"), "FARM_HOST": str(tmp_path / "host")},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.stdout.split() == ["plain,parse", "plain,parser"]
