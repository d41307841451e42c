"""Local builds: what is built, in which order, what is kept, and how failures end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import BuildFailedError
from farm.build.local.toolchains import TreeToolchains
from farm.build.local_logs import is_growing
from farm.build.local_state import LocalState
from farm.build.sources.fetch_all import SourcesNotFetchedError
from farm.container.sandbox_spec import Variation
from farm.core.names.digest import Digest
from farm.core.policy.tree import load_tree
from farm.store.locks import locked
from tests.build.local_builds import GREET, recipe_files
from tests.store.http.source_server import source_server

if TYPE_CHECKING:
    from farm.container.log_record import LogRecord
    from farm.core.plan.job import BuiltPackage
    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain


def trees(packages: tuple[BuiltPackage, ...]) -> list[str]:
    return [package.descriptor.tree for package in packages]


def test_what_is_needed_is_built_first_and_nothing_twice(local: Local) -> None:
    first = local.builds().build(["hello"])
    assert local.seen == [("greet", "building"), ("greet", "built"), ("hello", "building"), ("hello", "built")]
    again = local.builds().build(["hello"])
    assert local.seen == [("greet", "kept"), ("hello", "kept")]
    assert again == first
    assert "soname:libgreet.so.1" in first[0].descriptor.requires


def test_what_a_build_begins_to_do_is_reported(local: Local) -> None:
    local.files["packages/greet/recipe.yaml"] += b"  - name: in silence\n    run: sleep 0.1\n"
    local.builds().build(["greet"])
    assert local.done == ["step prepare", "step run 1", "step in silence", "step finish", "packing what was installed"]


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
    assert {(package.package, package.difference is None) for package in rebuilt} == {
        ("dist.example.org/hello", True),
        ("dist.example.org/hello-debug", True),
    }


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


def test_only_what_the_chosen_tests_need_is_built(local: Local) -> None:
    local.files["packages/hello/recipe.yaml"] += b"  - {name: it needs more, command: [never], needs: [never]}\n"
    never = GREET.replace("name: greet", "name: never").replace("greet.c", "never.c")
    local.files |= {"packages/never/recipe.yaml": never.encode(), "packages/never/never.c": b"no C"}
    ((_, name, outcome),) = local.builds().test(["hello"], only=["it greets"])
    assert (name, outcome.passed) == ("it greets", True)
    assert {recipe for recipe, _ in local.seen} == {"gcc-libs", "glibc", "greet", "hello"}
    with pytest.raises(BuildFailedError):
        list(local.builds().test(["hello"], only=["it needs*"]))


def test_a_test_waits_for_its_own_needs_only(local: Local) -> None:
    first = b"tests:\n  - {name: it needs more, command: [never], needs: [never]}\n"
    local.files["packages/hello/recipe.yaml"] = local.files["packages/hello/recipe.yaml"].replace(b"tests:\n", first)
    never = GREET.replace("name: greet", "name: never").replace("greet.c", "never.c")
    local.files |= {"packages/never/recipe.yaml": never.encode(), "packages/never/never.c": b"no C"}
    run = local.builds().test(["hello"])
    _, name, outcome = next(run)
    assert (name, outcome.passed) == ("it greets", True)
    assert ("never", "building") not in local.seen
    (ahead,) = local.ahead
    assert {"greet", "never"} <= {build.recipe for build in ahead.builds}
    with pytest.raises(BuildFailedError):
        next(run)
    assert local.seen.count(("hello", "testing")) == 1
    assert max(local.numbers) == 5, "of all recipes"


def test_recipes_are_numbered_in_the_order_in_which_they_are_obtained(local: Local) -> None:
    other = GREET.replace("name: greet", "name: other").replace("greet.c", "other.c")
    local.files |= {"packages/other/recipe.yaml": other.encode(), "packages/other/other.c": b"int other;\n"}
    local.builds().build(["other"])
    local.builds().build(["hello", "other"])
    states = [("other", "kept"), ("greet", "building"), ("greet", "built"), ("hello", "building"), ("hello", "built")]
    assert (local.seen, local.numbers) == (states, [1, 2, 2, 3, 3])


def test_what_is_built_first_is_said_with_how_long_it_took(local: Local) -> None:
    local.builds().build(["greet"])
    assert local.ahead == []
    local.files["packages/greet/greet.c"] += b"/* said more clearly */\n"
    builds = local.builds()
    builds.build(["hello"])
    took = local.state.seconds_of("greet")
    assert took is not None
    (ahead,) = local.ahead
    assert (ahead.wanted, ahead.tests) == (("hello",), False)
    ((greet, is_certain, seconds),) = [(build.recipe, build.is_certain, build.seconds) for build in ahead.builds]
    assert (greet, is_certain) == ("greet", True)
    assert seconds is not None
    list(builds.test(["hello"]))
    assert [build.recipe for build in local.ahead[-1].builds] == ["gcc-libs", "glibc"]
    local.files["packages/greet/greet.c"] += b"/* and more */\n"
    list(local.builds().test(["hello"]))
    (ahead,) = local.ahead
    assert [(build.recipe, build.is_certain) for build in ahead.builds] == [("greet", True), ("hello", False)]


def test_the_log_of_a_build_can_be_read_while_it_runs(local: Local) -> None:
    seen = []

    def look(record: LogRecord) -> None:
        if record.text == "half way":
            assert local.log is not None
            seen.append((local.log.read_text().splitlines()[-1], is_growing(local.log)))

    local.printed = look
    local.files["packages/hello/recipe.yaml"] = recipe_files()["packages/hello/recipe.yaml"].replace(
        b"      cc $CFLAGS", b"      echo half way\n      cc $CFLAGS"
    )
    local.builds().build(["hello"])
    assert seen == [("run 1 | half way", True)]
    assert local.log is not None
    assert not is_growing(local.log)


def test_a_test_that_passes_leaves_no_log_of_an_earlier_failure(local: Local) -> None:
    local.files["packages/hello/recipe.yaml"] += b"  - {name: it fails, command: [hello, no], prints: other}\n"
    (_, _, first), (_, _, second) = local.builds().test(["hello"])
    logs = local.state.root / "logs" / "hello"
    assert second.message.endswith(f"its log is {logs / 'test-it-fails-1.log'}")
    assert "hello" in (logs / "test-it-fails-1.log").read_text()
    list(local.builds().test(["hello"]))
    local.files["packages/hello/recipe.yaml"] = local.files["packages/hello/recipe.yaml"].replace(b"other", b"hello")
    assert all(outcome.passed for _, _, outcome in local.builds().test(["hello"]))
    assert {log.name for log in logs.iterdir()} == {"build-1.log"}
    assert first.passed


def test_a_failed_step_is_named_with_its_line_of_the_recipe(local: Local) -> None:
    local.files["packages/greet/recipe.yaml"] += b"  - run: |\n      true\n      false\n"
    with pytest.raises(BuildFailedError) as caught:
        local.builds().build(["greet"])
    text = local.files["packages/greet/recipe.yaml"].decode().splitlines()
    line = len(text) - 2
    assert text[line - 1] == "  - run: |"
    assert caught.value.message == (
        f"dist.example.org/greet: the step 'run 2' (recipe.yaml:{line}) failed with exit status 1"
    )


def test_what_another_process_is_building_is_awaited_and_not_built_twice(local: Local) -> None:
    builds = local.builds()
    plan = builds.plan("greet").digest
    first = builds.build(["greet"])
    outcome = local.state.outcome(plan)
    assert outcome is not None
    (record,) = (local.state.root / "builds").glob(f"{plan.hex}*")
    content = record.read_bytes()
    record.unlink()
    with ThreadPoolExecutor() as other, locked(local.state.building / "greet"):
        second = other.submit(local.builds().build, ["greet"])
        while "another farm command is building greet: waiting for it" not in local.said:
            assert not second.done()
            time.sleep(0.02)
        record.write_bytes(content)
    assert second.result() == first
    assert local.state.outcome(plan) == outcome  # with the provenance of the first build


def test_a_failing_build_leaves_what_was_built_before_it(local: Local) -> None:
    local.files["packages/hello/hello.c"] = b"int main(void) { return undeclared; }\n"
    with pytest.raises(BuildFailedError) as caught:
        local.builds().build(["hello"])
    assert caught.value.first_error is not None
    assert "undeclared" in caught.value.first_error.text
    assert caught.value.log is not None
    assert local.state.store.has(caught.value.log)
    local.files["packages/hello/hello.c"] = recipe_files()["packages/hello/hello.c"]
    local.builds().build(["hello"])
    assert local.seen == [("greet", "kept"), ("hello", "building"), ("hello", "built")]


def test_a_missing_header_names_the_package_that_has_it_and_the_line_of_the_log(local: Local) -> None:
    header = '      install -D /dev/null "$DESTDIR/usr/include/greet/greet.h"\n'
    local.files["packages/greet/recipe.yaml"] += header.encode()
    local.builds().build(["greet"])
    local.files["packages/hello/recipe.yaml"] = recipe_files()["packages/hello/recipe.yaml"].replace(
        b"build-needs: [greet]\n", b""
    )
    local.files["packages/hello/hello.c"] = b"#include <greet/greet.h>\nint main(void) { return 0; }\n"
    with pytest.raises(BuildFailedError) as caught:
        local.builds().build(["hello"])
    error = caught.value
    assert error.remedy.startswith("The package greet provides greet/greet.h: name it in build-needs.")
    assert "farm shell hello" in error.remedy
    assert error.first_error is not None
    assert error.place is not None
    log = Path(error.place.file).read_text().splitlines()
    assert log[error.place.line - 1] == f"run 1 | {error.first_error.text}"


def test_a_program_that_another_toolchain_has_is_said_to_be_there(local: Local) -> None:
    tree = load_tree(local.files)
    made = TreeToolchains(tree, local.state.store, local.state.toolchains, print).ensure("full")
    assert "usr/bin/bison" in {entry.path for entry in made.manifest.entries}
    local.files["packages/greet/recipe.yaml"] = GREET.replace(
        "      cc ", "      bison --version\n      cc ", 1
    ).encode()
    with pytest.raises(BuildFailedError) as caught:
        local.builds().build(["greet"])
    assert caught.value.remedy.startswith(
        "The toolchain `full` has bison: write `toolchain: full` in the recipe, or name a package that provides it"
    )
    local.files["packages/greet/recipe.yaml"] = GREET.replace("cc $", "no-such-cc $").encode()
    with pytest.raises(BuildFailedError) as caught:
        local.builds().build(["greet"])
    assert caught.value.remedy.startswith("No known package")


def test_a_failed_test_names_the_package_of_the_program_that_it_lacks_and_the_lines_that_differ(local: Local) -> None:
    simple = "version: '1.0'\nsummary: A program\nlicense: MIT\ntoolchain: c\n"
    for name in ("sh", "tool"):
        run = f'steps:\n  - run: install -D /usr/bin/dash "$DESTDIR/usr/bin/{name}"\n'
        local.files[f"packages/{name}/recipe.yaml"] = f"name: {name}\n{simple}{run}".encode()
    tests = (
        "\n  - {name: lacks, run: tool --version, needs: [sh]}"
        "\n  - {name: lacks more, run: other, needs: [sh]}"
        '\n  - {name: lacks many, run: "tool || more || other", needs: [sh]}'
        "\n  - {name: has no shell, run: tool}"
        '\n  - {name: differs, run: "echo a; hello", needs: [sh], prints: "a\\ngoodbye"}\n'
    )
    local.files["packages/hello/recipe.yaml"] = local.files["packages/hello/recipe.yaml"].rstrip() + tests.encode()
    local.builds().build(["tool", "sh"])
    outcomes = {name: outcome.message for _, name, outcome in local.builds().test(["hello"])}
    assert outcomes["it greets"] == ""
    where = "in the test's needs, or in test-needs of the recipe."
    assert outcomes["lacks"].endswith(f"\nThe package tool provides tool: name it {where}")
    unknown = "\nNo known package of the distribution has {}: name the one that has it " + where
    assert outcomes["lacks more"].endswith(unknown.format("other"))
    assert outcomes["lacks many"].endswith(f"name it {where}{unknown.format('more and other')}")
    assert "> 1 | " in outcomes["lacks many"]
    assert "] exec /usr/bin/sh failed: No such file or directory" in outcomes["has no shell"]
    assert outcomes["has no shell"].endswith(f"\nThe package sh provides /usr/bin/sh: name it {where}")
    assert outcomes["differs"].endswith("expected (-) and printed (+):\n   a\n  -goodbye\n  +hello")


def test_a_license_text_that_is_too_short_is_named(local: Local) -> None:
    steps = local.files["packages/greet/recipe.yaml"].decode()
    for name, size in (("SHORT", 199), ("WHOLE", 200)):
        steps += f'      head -c {size} /dev/zero | install -D /dev/stdin "$DESTDIR/usr/share/licenses/greet/{name}"\n'
    local.files["packages/greet/recipe.yaml"] = steps.encode()
    local.builds().build(["greet"])
    named = "greet: /usr/share/licenses/greet/SHORT has only 199 bytes: look whether it is the whole license"
    assert [text for text in local.said if "license" in text] == [named]


def test_a_record_whose_blobs_are_gone_or_that_is_damaged_is_built_again(local: Local) -> None:
    local.builds().build(["greet"])
    (record,) = (local.state.root / "builds").iterdir()
    whole = record.read_bytes()
    for damaged in (whole[:-20], b"{}", b"[1]"):
        record.write_bytes(damaged)
        local.builds().build(["greet"])
        assert ("greet", "built") in local.seen
        assert record.read_bytes() != damaged


def test_a_wrong_source_of_a_late_recipe_is_found_before_anything_is_built(local: Local) -> None:
    with source_server() as server:
        url = server.serve("/hello-data.txt", b"new data")
        source = f"source:\n  - file: hello.c\n  - url: {url}\n    sha256: {'0' * 64}\n"
        recipe = local.files["packages/hello/recipe.yaml"].decode().replace("source: {file: hello.c}\n", source)
        local.files["packages/hello/recipe.yaml"] = recipe.encode()
        with pytest.raises(SourcesNotFetchedError, match=Digest.of(b"new data").hex):
            local.builds().build(["hello"])
        assert local.seen == []
        corrected = recipe.replace("0" * 64, Digest.of(b"new data").hex)
        local.files["packages/hello/recipe.yaml"] = corrected.encode()
        server.requests.clear()
        local.builds().fetch(["hello"])
        assert (local.seen, server.requests) == ([], [])
    local.builds().build(["hello"])
    assert ("hello", "built") in local.seen


def test_a_digest_of_zeros_is_found_wrong_before_a_toolchain_is_made(local: Local, tmp_path: Path) -> None:
    elsewhere = replace(local, state=LocalState(tmp_path / "state", tmp_path / "host"))
    with source_server() as server:
        url = server.serve("/data", b"new data")
        source = f"source:\n  - file: hello.c\n  - url: {url}\n    sha256: {'0' * 64}\n"
        recipe = local.files["packages/hello/recipe.yaml"].decode().replace("source: {file: hello.c}\n", source)
        local.files["packages/hello/recipe.yaml"] = recipe.encode()
        with pytest.raises(SourcesNotFetchedError, match=Digest.of(b"new data").hex):
            elsewhere.builds().build(["hello"])
    assert not list((tmp_path / "host").glob("toolchains/c-*"))
