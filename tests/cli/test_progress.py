"""What is said of local builds: what is ahead, where logs grow, and on a terminal the last line of a log."""

from __future__ import annotations

import re
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from farm.build.local.reports import BuildAhead, BuildProgress, WorkAhead
from farm.build.sources.fetch_all import FetchProgress
from farm.cli.progress import building, fetching_sources, work_ahead_line
from farm.container.log_record import LogRecord
from tests.cli.pseudo_terminal import obeyed
from tests.cli.test_output import Terminal

OPENSSL = BuildAhead("openssl", is_certain=True, seconds=720.4)
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize(
    ("ahead", "line"),
    [
        (
            WorkAhead(("gzip",), tests=True, builds=(BuildAhead("sed", is_certain=True, seconds=49.2), OPENSSL)),
            "to test gzip, 2 recipes are built first: sed (last took 49 s), openssl (last took 12 min); 13 min in all",
        ),
        (
            WorkAhead(("a", "b"), tests=False, builds=(OPENSSL, BuildAhead("python", is_certain=False, seconds=None))),
            "to build a and b, up to 2 recipes are built first: openssl (last took 12 min), python",
        ),
        (
            WorkAhead(("jq",), tests=False, builds=(BuildAhead("onig", is_certain=True, seconds=None),)),
            "to build jq, 1 recipe is built first: onig",
        ),
    ],
)
def test_what_is_ahead_is_one_line(ahead: WorkAhead, line: str) -> None:
    assert work_ahead_line(ahead) == line


def record(text: str) -> LogRecord:
    return LogRecord(0.0, "output", "make", text)


def test_elsewhere_a_line_says_where_the_log_grows(capsys: pytest.CaptureFixture[str]) -> None:
    with building() as shown:
        shown.progress(BuildProgress("jq", "building", 2, 3, log=Path("/state/logs/jq/build-1.log")))
        shown.log(record("cc -c a.c"))
        shown.progress(BuildProgress("jq", "built", 2, 3, seconds=4.4))
        shown.progress(BuildProgress("jq", "unpacking", log=Path("/state/logs/jq/build-2.log")))
    assert capsys.readouterr().err == (
        "[2/3] building jq, log: /state/logs/jq/build-1.log\n[2/3] built jq in 4 s\n[1/1] unpacking jq\n"
    )


def test_elsewhere_a_build_that_takes_long_is_mentioned_with_what_it_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm.cli.progress._FIRST_MENTION", 0.05)
    monkeypatch.setattr("farm.cli.progress._NEXT_MENTION", 0.05)
    with building() as shown:
        shown.progress(BuildProgress("libarchive", "building"))
        until_lines(capsys, said := [], 3)
        shown.doing("step autotools: make")
        until_lines(capsys, later := [], 2)
        shown.progress(BuildProgress("libarchive", "built"))
        shown.progress(BuildProgress("jq", "building"))  # and fails
    capsys.readouterr()
    assert said[:3] == ["[1/1] building libarchive", *["still building libarchive, 0 s"] * 2]
    assert later[-1] == "still building libarchive, step autotools: make, 0 s"
    with building(shows_log=True) as shown:
        shown.progress(BuildProgress("jq", "building"))
        time.sleep(0.2)
    assert capsys.readouterr().err == "[1/1] building jq\n"


def test_elsewhere_a_source_that_takes_long_is_named_when_it_begins_and_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm.cli.progress._PATIENCE", 0.05)
    with fetching_sources(4) as update:
        for name in ("slow", "hopeless", "stopped", "quick"):
            update(FetchProgress(0, 4, 0, f"{name}.tar.gz of jq", "begun"))
        update(FetchProgress(1, 4, 10, "quick.tar.gz of jq", "fetched"))
        update(FetchProgress(1, 4, 20))
        until_lines(capsys, said := [], 3)
        update(FetchProgress(2, 4, 20, "slow.tar.gz of jq", "fetched"))
        update(FetchProgress(2, 4, 20, "hopeless.tar.gz of jq", "failed"))
        update(FetchProgress(2, 4, 20, "late.tar.gz of jq", "begun"))
    time.sleep(0.1)
    said += capsys.readouterr().err.splitlines()
    assert sorted(said[:3]) == [f"fetching {name}.tar.gz of jq" for name in ("hopeless", "slow", "stopped")]
    assert said[3:] == ["fetched slow.tar.gz of jq, after 0 s", "could not fetch hopeless.tar.gz of jq, after 0 s"]


def until_lines(capsys: pytest.CaptureFixture[str], said: list[str], count: int) -> None:
    deadline = time.monotonic() + 10
    while len(said) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        said += capsys.readouterr().err.splitlines()


def test_a_terminal_shows_the_last_line_of_the_log_and_obeys_nothing_in_it() -> None:
    terminal = Terminal()
    with redirect_stderr(terminal), building() as shown:
        shown.progress(BuildProgress("jq", "building", 2, 3, log=Path("/state/logs/jq/build-1.log")))
        shown.log(record("\x1b]0;title\x07\x1b[31mcompiling [bold]\u202egnp.exe\x1b[2J"))
        shown._update("compiling at last")
        shown.progress(BuildProgress("jq", "built", 2, 3, seconds=4.4))
        shown.log(record("after the end"))
    text = terminal.shown
    assert "[2/3] building jq, log: /state/logs/jq/build-1.log" in text
    assert "compiling" in text
    assert "after the end" not in text
    assert "[2/3] built jq in 4 s" in text
    assert "title" not in text
    assert "\x1b[2J" not in text
    assert obeyed(SEQUENCE.sub("", text).replace("\r", "")) == []
