"""`farm log NAME`: the newest log of a recipe on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from farm.build.local_logs import BUILD, LocalLogs, of_test
from farm.cli.main import farm
from farm.container.log_record import LogRecord
from farm.errors import FarmError


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalLogs:
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FARM_HOST", str(tmp_path / "host"))
    return LocalLogs.below(tmp_path / "state")


def write(logs: LocalLogs, kind: str, text: str, moment: int) -> Path:
    with logs.begin("jq", kind, lambda _record: None) as log:
        log(LogRecord(0.0, "output", "make", text))
    assert log.place is not None
    os.utime(log.place, (moment, moment))
    return log.place


def test_the_newest_log_of_a_recipe_is_printed_with_nothing_a_terminal_obeys(logs: LocalLogs) -> None:
    write(logs, BUILD, "earlier", 1)
    newest = write(logs, of_test("it runs"), "\x1b]0;title\x07later", 3)
    write(logs, BUILD, "between", 2)
    for options in ((), ("--follow",)):
        said = CliRunner().invoke(farm, ["log", "jq", *options])
        assert said.exit_code == 0
        assert said.stdout == "make | \\x1b]0;title\\x07later\n"
        assert said.stderr == f"{newest}:\n"


@pytest.mark.parametrize("name", ["jq", "../../etc", ".", "state/logs"])
def test_where_there_is_none_the_error_says_what_writes_one(logs: LocalLogs, name: str) -> None:
    (logs.root.parent / "outside.log").parent.mkdir(parents=True)
    (logs.root.parent / "build-1.log").write_text("of somebody else")
    said = CliRunner().invoke(farm, ["log", name])
    assert isinstance(said.exception, FarmError)
    assert said.exception.code == "no-log"


@pytest.mark.parametrize("option", ["--error", "--json"])
def test_what_only_jobs_have_is_refused(logs: LocalLogs, option: str) -> None:
    write(logs, BUILD, "text", 1)
    assert CliRunner().invoke(farm, ["log", "jq", option]).exit_code == 2


def test_a_name_that_resembles_one_with_logs_is_asked_about(logs: LocalLogs) -> None:
    write(logs, BUILD, "text", 1)
    said = CliRunner().invoke(farm, ["log", "jqq"])
    assert isinstance(said.exception, FarmError)
    assert (said.exception.code, said.exception.remedy) == ("no-log", "Did you mean jq?")


def test_the_name_of_an_output_is_that_of_its_recipe(logs: LocalLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_RECIPES", str(Path(__file__).parents[3] / "recipes"))
    write(logs, BUILD, "text", 1)
    said = CliRunner().invoke(farm, ["log", "jq-debug"])
    assert (said.exit_code, said.stdout) == (0, "make | text\n"), said.exception
