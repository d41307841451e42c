"""`farm watch`: lines, JSON, and a screen on a real terminal, of a farm that serves HTTP."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from farm.api.notification_wire import WatchWire
from farm.cli.maintain.watch_screen import screen
from farm.cli.maintain.watched import Watched
from farm.server.tables.states import Role
from tests.cli.pseudo_terminal import COMMAND
from tests.cli.shell import Shell, signed_in
from tests.farms.served import serving
from tests.farms.small import recipe
from tests.farms.stocked import StockedFarm
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """The shell of a maintainer of an empty farm."""
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    with signed_in(stocked, monkeypatch, "me", Role.MAINTAINER):
        monkeypatch.setenv("NO_COLOR", "1")
        yield Shell(stocked, capsys, tmp_path / "none")


def eventually(true: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_once_shows_a_line_for_each_thing_that_is_unfinished(shell: Shell) -> None:
    assert shell.run("watch", "--once") == "nothing of yours is unfinished\n"
    small = shell.stocked
    small.submit(recipe("low"), recipe("high", needs=("low",)))
    small.fail(small.claim(), "low.c:1: error: \x1b[2Jno")
    lines = [line.split("  ", 1)[1] for line in shell.run("watch", "--once").splitlines()]
    assert [re.sub(" +", " ", line) for line in lines] == [
        r"failed submission 1: low: low.c:1: error: \x1b[2Jno; also high",
        r"failed low (job 1): low.c:1: error: \x1b[2Jno",
        "blocked high (job 2): low could not be built",
    ]
    documents = [json.loads(line) for line in shell.run("watch", "--once", "--json").splitlines()]
    assert [(document["what"], document["id"], document["state"]) for document in documents] == [
        ("submission", "1", "failed"), ("job", "1", "failed"), ("job", "2", "blocked")
    ]  # fmt: skip
    assert documents[1]["why"] == "low.c:1: error: \x1b[2Jno"


def test_each_change_is_a_line_until_all_is_done(shell: Shell) -> None:
    small = shell.stocked
    small.submit(recipe("low"))
    process = subprocess.Popen([COMMAND, "watch", "--exit-when-done", "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [(line["what"], line["state"]) for line in first] == [("submission", "accepted"), ("job", "ready")]
    lease = small.claim()
    assert json.loads(process.stdout.readline())["state"] == "leased"
    small.finish(lease)
    rest = [json.loads(line) for line in process.stdout]
    assert {(line["what"], line["state"]) for line in rest} == {("submission", "done"), ("job", "succeeded")}
    assert process.wait(60) == 0


def test_the_status_says_whether_something_failed_while_it_was_watched(shell: Shell) -> None:
    small = shell.stocked
    small.submit(recipe("old"))
    small.fail(small.claim(), "no")
    assert "failed" in shell.run("watch", "--exit-when-done"), "what failed before is shown, and is no failure now"
    small.submit(recipe("low"))
    process = subprocess.Popen([COMMAND, "watch", "--exit-when-done"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "low (job 2)" in line and "ready" in line:
            small.fail(small.claim(), "no")
    assert process.wait(60) == 1
    shell.run("watch", "--exit-when-done", "--submission", "1", status=1)
    assert "there is no submission 9" in shell.run("watch", "--submission", "9", status=1)


def test_a_farm_that_goes_away_is_asked_again(database: Database, tmp_path: Path, shell: Shell) -> None:
    small = shell.stocked
    small.submit(recipe("low"))
    environment = dict(os.environ)
    with serving(create_app(small.application)) as url:
        port = int(url.rpartition(":")[2])
        environment["FARM_URL"] = url
        command = [COMMAND, "watch", "--exit-when-done"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        process.stdout.readline()
    small.build_all()
    assert process.stderr is not None
    assert "asking again" in process.stderr.readline()
    with serving(create_app(small.application), port=port):
        rest = process.stdout.read()
        assert process.wait(60) == 0
    assert "done       submission 1" in rest


def test_without_a_token_and_without_a_farm_it_says_what_to_do(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_TOKEN", "")
    assert "Set FARM_TOKEN" in shell.run("watch", status=1)


class Terminal:
    """The command on a pseudo-terminal, which can be resized."""

    def __init__(self, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(30, 100)
        environment = {**os.environ, "TERM": "xterm-256color"}
        # Tests in the background ignore Ctrl-C, and what they start would too.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            self.process = subprocess.Popen(
                [COMMAND, *arguments],
                stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGINT, before)
        os.close(theirs)
        self.arrived = b""

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def shows(self, text: bytes, *, seconds: float = 60) -> None:
        """Wait until a text arrives, and forget what came before."""
        deadline = time.monotonic() + seconds
        while text not in self.arrived:
            assert time.monotonic() < deadline, self.arrived[-2000:]
            if select.select([self.ours], [], [], 0.5)[0]:
                self.arrived += os.read(self.ours, 65536)
        self.arrived = self.arrived.partition(text)[2]

    def ends(self, *, seconds: float = 60) -> int:
        """Read until the command has ended, and return its status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and select.select([self.ours], [], [], 5)[0]:
            try:
                self.arrived += os.read(self.ours, 65536)
            except OSError:
                break
        return self.process.wait(30)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def test_a_terminal_has_one_screen_that_follows_and_ends_cleanly(shell: Shell) -> None:
    small = shell.stocked
    small.submit(recipe("low"), recipe("high", needs=("low",)))
    with closing(Terminal("watch")) as terminal:
        _follows(terminal, small)


def _follows(terminal: Terminal, small: StockedFarm) -> None:
    terminal.shows(b"accepted  0 of 2 done")
    lease = small.claim()
    terminal.shows(b"leased")
    terminal.resize(30, 60)
    small.fail(lease, "low.c:1: error: a reason that is longer than the terminal is wide, by far")
    terminal.shows(b"failed")
    terminal.shows(b"low.c:1: error")
    assert b"\x1b[2J" not in terminal.arrived, "the screen is not cleared each time, which would flicker"
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.ends() == 130
    assert terminal.arrived.rstrip().endswith(b"\x1b[?25h"), "the cursor is shown again"
    assert b"Traceback" not in terminal.arrived


def test_colours_are_for_terminals_that_want_them(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.stocked.submit(recipe("low"))
    shell.stocked.fail(shell.stocked.claim(), "no")
    coloured = re.compile(rb"\x1b\[[0-9;]*3[0-9]m")
    for no_colour, expected in (("1", False), ("", True)):
        monkeypatch.setenv("NO_COLOR", no_colour)
        with closing(Terminal("watch", "--once")) as terminal:
            assert terminal.ends() == 0
        assert bool(coloured.search(terminal.arrived)) is expected


def answer(*jobs: tuple[int, str, str], number: int = 1, whole: bool = True) -> WatchWire:
    form = {
        "number": number,
        "whole": whole,
        "submissions": [{"state": "accepted", "since": AT.isoformat(), "submission": 7}],
        "jobs": [
            {
                "job": {
                    "id": job, "kind": "build", "name": name, "state": state, "subject": None, "submission": 7,
                    "answered_by": None, "lost": 0, "error_code": "", "error": "", "created_at": AT.isoformat(),
                    "changed_at": AT.isoformat(), "finished_at": None, "trace": "t",
                },
                "worker": "one" if state == "running" else "",
                "step": "make" if state == "running" else "",
            }
            for job, name, state in jobs
        ],
        "packages": [],
    }  # fmt: skip
    return WatchWire.model_validate(form)


def test_a_retry_takes_the_place_of_the_failed_job() -> None:
    watched = Watched()
    assert len(watched.update(answer((1, "low", "failed"), (2, "high", "blocked")))) == 3
    assert [line.key for line in watched.update(answer((3, "low", "ready"), number=2, whole=False))] == ["3"]
    assert [(line.key, line.state) for line in watched.jobs("7")] == [("2", "blocked"), ("3", "ready")]
    assert watched.update(answer((3, "low", "ready"), number=3, whole=False)) == []


def test_a_narrow_terminal_shortens_the_reason_and_nothing_is_obeyed() -> None:
    watched = Watched()
    running = answer((1, "lo\x1b[2Jw", "running"))
    (line,) = running.jobs
    why = line.job.model_copy(update={"error": "a reason " * 20})
    watched.update(running.model_copy(update={"jobs": (line.model_copy(update={"job": why}),)}))
    console = Console(width=75, no_color=True, force_terminal=False)
    with console.capture() as shown:
        console.print(screen(watched, AT + timedelta(seconds=75)))
    assert "\x1b" not in shown.get()
    assert all(len(line) <= 75 for line in shown.get().splitlines())
    assert re.search(r"1 +lo\\x1b\[2Jw +running +1 min 15 s +one +make +a reason .*…", shown.get())
