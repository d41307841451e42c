"""Local builds of small C packages with the real toolchain `c`, which all test runs of a machine share."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.building.errors import StepFailedError
from farm.building.local import LocalBuilds, Progress, Reports
from farm.building.local_state import LocalState
from farm.building.recipe_directory import read_recipe_directory
from farm.engine.sandbox_spec import Variation
from farm.names import Platform
from farm.recipe import load_tree

if TYPE_CHECKING:
    from farm.plan import BuiltPackage

pytestmark = pytest.mark.toolchain

RECIPES = Path(__file__).parents[2] / "recipes"

GREET = """\
name: greet
version: "1.0"
summary: A library that greets
license: MIT
source: {file: greet.c}
toolchain: c
steps:
  - run: |
      cc $CFLAGS -shared -fPIC -Wl,-soname,libgreet.so.1 -o libgreet.so.1 /sources/greet.c
      install -D libgreet.so.1 "$DESTDIR/usr/lib/libgreet.so.1"
      ln -s libgreet.so.1 "$DESTDIR/usr/lib/libgreet.so"
"""
HELLO = """\
name: hello
version: "1.0"
summary: A program that greets
license: MIT
source: {file: hello.c}
toolchain: c
build-needs: [greet]
steps:
  - run: |
      cc $CFLAGS -o hello /sources/hello.c -lgreet
      install -D hello "$DESTDIR/usr/bin/hello"
tests:
  - name: it greets
    command: [hello]
    prints: hello
"""


def recipe_files() -> dict[str, bytes]:
    """The repository's own steps, toolchains and C library, and two packages of the test's."""
    kept = ("steps/", "toolchains/", "distribution.yaml", "packages/glibc/", "packages/gcc-libs/")
    files = {path: text for path, text in read_recipe_directory(RECIPES).items() if path.startswith(kept)}
    # Their own tests need a shell, and so half of the distribution.
    files |= {path: text.partition(b"\ntests:")[0] for path, text in files.items() if path.endswith("recipe.yaml")}
    return files | {
        "packages/greet/recipe.yaml": GREET.encode(),
        "packages/greet/greet.c": b'const char *greet(void) { return "hello"; }\n',
        "packages/hello/recipe.yaml": HELLO.encode(),
        "packages/hello/hello.c": b"#include <stdio.h>\nconst char *greet(void);\nint main(void) { puts(greet()); }\n",
    }


@dataclass
class Local:
    state: LocalState
    files: dict[str, bytes] = field(default_factory=recipe_files)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def builds(self) -> LocalBuilds:
        """Start anew, as a command does."""
        self.seen.clear()
        return LocalBuilds(
            load_tree(self.files),
            self.files,
            self.state,
            platform=Platform("linux", "amd64"),
            reports=Reports(progress=self.note),
        )

    def note(self, progress: Progress) -> None:
        self.seen.append((progress.recipe, progress.state))


@pytest.fixture
def local(tmp_path: Path) -> Local:
    host = Path(os.environ.get("FARM_TEST_STATE", Path.home() / ".cache" / "farm-tests"))
    return Local(LocalState(tmp_path / "state", host))


def trees(packages: tuple[BuiltPackage, ...]) -> list[str]:
    return [package.descriptor.tree for package in packages]


def test_what_is_needed_is_built_first_and_nothing_twice(local: Local) -> None:
    first = local.builds().build(["hello"])
    assert local.seen == [("greet", "building"), ("greet", "built"), ("hello", "building"), ("hello", "built")]
    again = local.builds().build(["hello"])
    assert local.seen == [("greet", "kept"), ("hello", "kept")]
    assert again == first
    assert "soname:libgreet.so.1" in first[0].descriptor.requires


def test_a_dependency_that_comes_out_the_same_rebuilds_nothing(local: Local) -> None:
    local.builds().build(["hello"])
    local.files["packages/greet/greet.c"] += b"/* said more clearly */\n"
    local.builds().build(["hello"])
    assert local.seen == [("greet", "building"), ("greet", "built"), ("hello", "kept")]


def test_a_dependency_that_comes_out_different_rebuilds_what_needs_it(local: Local) -> None:
    local.builds().build(["hello"])
    local.files["packages/greet/greet.c"] = b'const char *greet(void) { return "good morning"; }\n'
    local.builds().build(["hello"])
    assert ("hello", "built") in local.seen


def test_a_second_build_elsewhere_at_another_time_is_the_same(local: Local) -> None:
    builds = local.builds()
    rebuilt = builds.rebuild("hello", Variation("elsewhere", "0", 400 * 86_400))
    assert [(each.package, each.same) for each in rebuilt] == [("dist.example.org/hello", True)]


def test_tests_run_in_exactly_their_closure(local: Local) -> None:
    builds = local.builds()
    ((recipe, name, outcome),) = builds.test(["hello"])
    assert (recipe, name, outcome.passed, outcome.message) == ("hello", "it greets", True, "")
    closure = [package.descriptor.name.short for package in builds.closure(["hello"])]
    assert closure == ["glibc", "greet", "hello"]


def test_the_tests_of_what_programs_run_with_ask_for_nothing(local: Local) -> None:
    for recipe in ("glibc", "gcc-libs"):
        local.files[f"packages/{recipe}/recipe.yaml"] += (
            b"\ntests:\n  - name: it is used by a shell\n    command: [shell]\n    needs: [shell]\n"
        )
    shell = GREET.replace("name: greet", "name: shell").replace("greet.c", "shell.c")
    local.files |= {"packages/shell/recipe.yaml": shell.encode(), "packages/shell/shell.c": b"no C"}
    ((_, _, outcome),) = local.builds().test(["hello"])
    assert outcome.passed
    assert {recipe for recipe, _ in local.seen} == {"gcc-libs", "glibc", "greet", "hello"}


def test_a_failing_build_leaves_what_was_built_before_it(local: Local) -> None:
    local.files["packages/hello/hello.c"] = b"int main(void) { return undeclared; }\n"
    with pytest.raises(StepFailedError, match="undeclared") as caught:
        local.builds().build(["hello"])
    assert caught.value.log is not None
    assert local.state.store.has(caught.value.log)
    local.files["packages/hello/hello.c"] = recipe_files()["packages/hello/hello.c"]
    local.builds().build(["hello"])
    assert local.seen == [("greet", "kept"), ("hello", "building"), ("hello", "built")]


def test_a_record_whose_blobs_are_gone_or_that_is_damaged_is_built_again(local: Local) -> None:
    local.builds().build(["greet"])
    (record,) = (local.state.root / "builds").iterdir()
    whole = record.read_bytes()
    for damaged in (whole[:-20], b"{}", b"[1]"):
        record.write_bytes(damaged)
        local.builds().build(["greet"])
        assert ("greet", "built") in local.seen
        assert record.read_bytes() != damaged
