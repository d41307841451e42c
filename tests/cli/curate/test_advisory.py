"""`farm advisory`, from the command line to the rows of a farm that serves HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farm.server.tables.states import Role
from tests.cli.shell import Shell, signed_in
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.farms.stocked import SAMPLES, StockedFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """The shell of a curator of a farm whose channel edge holds glibc and zlib, in a directory of its own."""
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    stocked.release("edge", stocked.build_samples(SAMPLES[:2]))
    unit = tmp_path / "desk"
    unit.mkdir()
    monkeypatch.chdir(unit)
    (unit / "zlib.json").write_bytes(osv(package="zlib", fixed=""))
    (unit / "zlibb.json").write_bytes(osv(package="zlibb", id="EXAMPLE-2026-2"))
    (unit / "vex.json").write_bytes(openvex(product=f"{DISTRIBUTION}/zlib"))
    (unit / "nope.json").write_bytes(openvex(product=f"{DISTRIBUTION}/zlib", about="NOPE-1"))
    with signed_in(stocked, monkeypatch, "ann", Role.CURATOR):
        yield Shell(stocked, capsys, tmp_path / "none")


def test_advisories_and_statements_are_told_in_words(shell: Shell) -> None:
    held = next(sample for sample in SAMPLES[:2] if sample.name == "zlib")
    assert shell.run("advisory", "add", "zlib.json") == (
        f"EXAMPLE-2026-1: added, critical, zlib\n  affects zlib {held.version}-{held.revision}, which is in edge\n"
    )
    said = "EXAMPLE-2026-1: not_affected in zlib\n"
    assert shell.run("advisory", "vex", "vex.json") == said + "1 new statement\n"
    assert shell.run("advisory", "vex", "vex.json") == said + "nothing new\n"


def test_advisories_and_statements_are_told_as_json(shell: Shell) -> None:
    added: list[dict[str, Any]] = shell.json("advisory", "add", "zlib.json")
    assert [(advisory["id"], advisory["outcome"], advisory["packages"]) for advisory in added] == [
        ("EXAMPLE-2026-1", "added", ["zlib"])
    ]
    assert added[0]["released"][0]["channel"] == "edge"
    stated = shell.json("advisory", "vex", "vex.json")
    assert stated["new"] == 1
    assert stated["statements"][0]["package"] == "zlib"


def test_what_is_not_known_here_is_refused_until_it_is_said_that_it_may_be(shell: Shell) -> None:
    said = shell.run("advisory", "add", "zlibb.json", status=1)
    assert "EXAMPLE-2026-2 names the package zlibb, which no recipe has ever made" in said
    assert "Did you mean zlib or " in said
    assert "--allow-unknown" in said
    assert shell.json("advisory", "list") == []
    assert "zlibb" in shell.run("advisory", "add", "zlibb.json", "--allow-unknown")
    assert "a statement is about NOPE-1, and no advisory has" in shell.run("advisory", "vex", "nope.json", status=1)
    assert "1 new statement" in shell.run("advisory", "vex", "nope.json", "--allow-unknown")
    assert json.loads(shell.run("advisory", "vex", "nope.json", "--json"))["new"] == 0


def test_what_was_looked_at_is_stated_and_listed(shell: Shell) -> None:
    assert shell.run("advisory", "reviewed") == "no reviews\n"
    words = ("advisory", "reviewed", "zlib", "--source", "https://tracker.example.net/zlib")
    assert shell.run(*words, "--at", "2024-11-20T10:00:00Z").split()[-6:] == [
        "zlib", "2024-11-20T10:00:00Z", "https://tracker.example.net/zlib", "1", "new", "review",
    ]  # fmt: skip
    # An older version changes nothing; a newer one does.
    assert "0 new reviews" in shell.run(*words, "--at", "2024-11-19T10:00:00Z")
    assert "1 new review" in shell.run(*words)
    (listed,) = shell.json("advisory", "reviewed")["reviews"]
    assert (listed["package"], listed["at"] > "2024-11-20T10:00:00Z") == ("zlib", True)
    trail = shell.json("channel", "trail")["trail"]
    assert [entry["detail"] for entry in trail if entry["action"] == "reviewed"][-1] == "2024-11-20T10:00:00Z: zlib"


def test_nobody_states_to_have_looked_at_what_is_not_there_or_at_nothing(shell: Shell) -> None:
    source = ("--source", "https://tracker.example.net/")
    assert "a review names the package zlibb, which no recipe" in shell.run(
        "advisory", "reviewed", "zlibb", *source, status=1
    )
    assert "which is in the future" in shell.run(
        "advisory", "reviewed", "zlib", *source, "--at", "2124-11-20T10:00:00Z", status=1
    )
    assert "is not the address of a source" in shell.run("advisory", "reviewed", "zlib", "--source", "x", status=1)
    shell.run("advisory", "reviewed", "zlib", status=2)
    shell.run("advisory", "reviewed", *source, status=2)
    assert shell.json("advisory", "reviewed") == {"reviews": []}
