"""What a person is told while a channel decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.main import main
from farm.cli.submit import _follow_channel, waits_for_signer, waits_for_thaw
from farm.control import access
from farm.database.states import Role
from tests.control.small_farm import SmallFarm, recipe
from tests.database.databases import database, database_url, migrated_sqlite, postgres_socket
from tests.web.running_farm import serving
from web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from farm.database.session import Database

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]


def status(*gates: str, state: str = "open") -> dict[str, Any]:
    return {"candidate": {"state": state, "gates": [{"gate": "proof", "state": each} for each in gates]}}


def test_a_candidate_that_passed_and_comes_to_nothing_waits_for_the_signer() -> None:
    assert waits_for_signer(status("passed", "passed"), 10.0)
    assert not waits_for_signer(status("passed", "passed"), 9.0)


@pytest.mark.parametrize(
    "other", [status("passed", "pending"), status(), status("passed", state="released"), {"candidate": None}]
)
def test_everything_else_waits_for_something_else(other: dict[str, Any]) -> None:
    assert not waits_for_signer(other, 60.0)


def test_a_candidate_that_waits_for_a_thaw_is_not_waited_for() -> None:
    proof = {"gate": "proof", "state": "passed", "summary": "3 packages proven"}
    gates = [proof, {"gate": "freeze", "state": "pending", "summary": "x"}]
    frozen = {"candidate": {"id": 3, "state": "open", "gates": gates}, "frozen": {"why": "x"}}
    assert waits_for_thaw(frozen) == "candidate 3: x"
    for other in (
        {"frozen": None},
        {"candidate": None},
        {"candidate": {"id": 3, "state": "open", "gates": [proof]}},
        {"candidate": {"id": 3, "state": "released", "gates": gates}},
    ):
        assert not waits_for_thaw(frozen | other)


def test_who_changes_only_tests_is_told_that_they_run_on_the_build_that_there_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    farm = SmallFarm.open(database, tmp_path, real_time=True)
    with farm.office.writing() as desk:
        token, _ = access.issue_token(desk, name="mia", role=Role.MAINTAINER, lasts=timedelta(days=1))
    place = tmp_path / "recipes" / "packages" / "a"
    place.mkdir(parents=True)

    def submit(more: str) -> str:
        (place / "recipe.yaml").write_bytes(recipe("a", more=more)["recipe.yaml"])
        with pytest.raises(SystemExit) as ended:
            main(["submit", str(place)])
        assert ended.value.code == 0
        return capsys.readouterr().out.splitlines()[0]

    with serving(create_app(farm.office)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
        assert submit("") == "a: job 1"
        farm.build_all()
        tests = "tests:\n  - name: runs\n    command: [/usr/bin/a]\n"
        assert submit(tests) == "a: job 2, built already by job 1: its tests run on that build"
        assert submit(tests) == "a: unchanged, job 2"


def test_who_waits_for_a_channel_is_told_of_tests_that_fail_on_what_it_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = "release 1 of edge holds it: test 'strict' of a failed in job 7: it broke"
    red = {"gate": "released-tests", "package": "a", "reason": reason, "cleared-at": None}
    channel = {
        "settled": True, "trouble": [], "frozen": None, "newest": {"number": 1}, "excuses": [red],
        "candidate": {"id": 1, "state": "released", "excuses": [red]},
    }  # fmt: skip

    class Farm:
        def channel(self, _name: str) -> dict[str, Any]:
            return channel

    assert _follow_channel(Farm(), "edge", {"a"}) == 1  # type: ignore[arg-type]
    told = capsys.readouterr()
    assert told.out == "edge: release 1 is published\n"
    assert told.err.splitlines() == ["the newest tests fail on what edge holds:", f"  {reason}"]
    assert _follow_channel(Farm(), "edge", {"b"}) == 0  # type: ignore[arg-type]


def test_a_release_without_what_was_submitted_is_not_told_as_one_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    held = {"gate": "tests", "package": "a", "reason": "a test failed", "cleared-at": None}
    channel = {
        "settled": True, "trouble": [], "frozen": None, "newest": {"number": 2}, "excuses": [held],
        "candidate": {"id": 1, "state": "released", "excuses": [held]},
    }  # fmt: skip

    class Farm:
        def channel(self, _name: str) -> dict[str, Any]:
            return channel

    assert _follow_channel(Farm(), "edge", {"a", "b"}) == 1  # type: ignore[arg-type]
    assert capsys.readouterr().out == "edge: release 2 is published, without a\n"
