"""The command itself: its output to a new user, to a pipe, and to a program."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.farm import Farm


def test_without_arguments_it_shows_how_to_begin(tree: Farm) -> None:
    said = tree.run().refused("no-arguments", status=2)
    assert said.output == ""


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("misspelt-verb", ("biuld", "jq")),
        ("misspelt-verb-of-a-group", ("image", "bild")),
        ("misspelt-option", ("build", "jq", "--verbos")),
        ("build-nothing", ("build",)),
        ("build-all-and-one", ("build", "jq", "--all")),
        ("install-without-a-root", ("install", "jq")),
        ("unknown-toolchain-name", ("toolchain", "prepare", "cc")),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_right(tree: Farm, case: str, arguments: tuple[str, ...]) -> None:
    tree.run(*arguments).refused(case, status=2)


def test_a_fingerprint_that_is_none_is_refused(tree: Farm) -> None:
    tree.run("subscribe", "/nowhere", "edge", "--fingerprint", "abc").refused("not-a-fingerprint")


def test_every_verb_explains_itself_with_an_example(tree: Farm) -> None:
    verbs = [line.split()[0] for line in commands(tree.run("--help").done().output)]
    assert {"build", "install", "up"} < set(verbs)
    asked = [[verb] for verb in verbs]
    while asked:
        verb = asked.pop()
        said = tree.run(*verb, "--help").done().output
        below = [[*verb, line.split()[0]] for line in commands(said)]
        asked += below
        assert below or "Example" in said, said


def test_toolchains_are_listed_for_programs(tree: Farm) -> None:
    (listed,) = tree.json("toolchain", "list")
    assert listed["name"] == "c"
    assert listed["lock"].startswith("sha256:")


def test_what_a_toolchain_holds_is_listed(tree: Farm) -> None:
    listed = {deb["name"]: deb["why"] for deb in tree.json("toolchain", "show", "c")}
    assert (listed["gcc"], listed["libc6"]) == ("named", "needed")
    heading, *rows = tree.run("toolchain", "show", "c").done().output.splitlines()
    assert heading.split() == ["PACKAGE", "VERSION", "WHY"]
    assert len(rows) == len(listed)
    unmade = tree.run("toolchain", "show", "c", "--commands")
    assert (unmade.status, unmade.output) == (1, "")
    assert "farm toolchain prepare c" in unmade.message


@pytest.mark.docker
@pytest.mark.toolchain
def test_commands_of_a_toolchain_and_packages_with_a_file_are_found(farm: Farm) -> None:
    assert {"gcc", "make", "patch"} < set(farm.json("toolchain", "show", "c", "--commands"))
    for wanted in ("good", "share/good", "sh*/g??d"):
        (found,) = farm.json("files", "--provides", wanted)
        assert found == {"package": "good", "version": "1-1", "path": "share/good"}
    assert farm.run("files", "--provides", "oo").done().output == "no package that was built or fetched here has oo\n"
    assert farm.run("files").status == farm.run("files", "good", "--provides", "x").status == 2


@pytest.mark.docker
@pytest.mark.toolchain
def test_a_build_tells_programs_and_pipes_what_it_made(farm: Farm) -> None:
    (built,) = farm.json("build", "good")["packages"]
    assert built["descriptor"]["name"] == "dist.example.org/good"
    plan = json.loads(farm.run("plan", "good").done().output)
    assert plan["name"] == "dist.example.org/good"
    said = farm.run("build", "good", "--verbose").done()
    assert said.output.split()[:4] == ["PACKAGE", "VERSION", "SIZE", "TREE"]
    assert "\x1b" not in said.output + said.message


@pytest.mark.docker
@pytest.mark.toolchain
def test_a_failed_package_test_says_why_and_where_its_log_is(farm: Farm) -> None:
    tests = "tests:\n  - {name: it runs, command: [/usr/bin/absent], prints: hello}\n"
    said = farm.recipe("x", tests).run("test", "x")
    assert said.status == 1
    assert re.sub(r"tini \(\d+\)", "tini", said.output) == (
        "FAILED x: it runs\n"
        f"       it ended with status 127, not 0; its log is {farm.state}/logs/x/test-it-runs-1.log\n"
        "         > 1 | [FATAL tini] exec /usr/bin/absent failed: No such file or directory\n"
        "       No known package of the distribution has /usr/bin/absent: name the one that has it in the test's needs,"
        " or in test-needs of the recipe.\n"
        "gates  x: hardening, licenses and proof would let it pass; a farm judges abi, advisories, soak and tests\n"
        "0 passed, 1 failed\n"
    )
    assert "/usr/bin/absent" in (farm.state / "logs" / "x" / "test-it-runs-1.log").read_text()


@pytest.mark.docker
@pytest.mark.toolchain
def test_a_state_that_cannot_be_written_is_named(farm: Farm) -> None:
    farm.setting(FARM_STATE="/proc/farm").run("build", "good").refused("state-that-cannot-be-written")


@pytest.mark.docker
@pytest.mark.toolchain
def test_a_network_that_is_none_is_refused(farm: Farm) -> None:
    farm.setting(FARM_ALLOWED_NETWORKS="10.0.0.0/8, here").run("build", "good").refused("not-a-network", status=2)


def test_an_address_that_is_none_is_refused(farm: Farm) -> None:
    farm.setting(FARM_URL="farm.example.org").run("jobs").refused("not-an-address", status=2)


@pytest.mark.docker
@pytest.mark.toolchain
def test_what_a_build_prints_cannot_move_the_terminal(farm: Farm) -> None:
    said = farm.recipe("x", run=r"printf '\033]0;title\007\033[31mred\n'; exit 3").run("build", "x", "--verbose")
    said.refused("escapes-in-a-log")


def commands(text: str) -> list[str]:
    """Return the lines of the help's lists of commands, after its options, that begin an entry."""
    listed = text.partition("Options:\n")[2].partition("\n\n")[2].splitlines()
    return [line for line in listed if line.startswith("  ") and line[2] != " "]
