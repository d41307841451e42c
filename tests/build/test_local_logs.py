"""Logs on this machine: they can be read while they grow, and no run overwrites that of another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from farm.build.local_logs import BUILD, LocalLogs, is_growing, lines_of, of_test
from farm.container.log_record import LogRecord

if TYPE_CHECKING:
    from pathlib import Path


def record(text: str, step: str = "make") -> LogRecord:
    return LogRecord(0.0, "output", step, text)


@pytest.fixture
def logs(tmp_path: Path) -> LocalLogs:
    return LocalLogs(tmp_path / "logs")


def write(logs: LocalLogs, kind: str, text: str, recipe: str = "jq") -> Path:
    with logs.begin(recipe, kind, lambda _record: None) as log:
        log(record(text))
    return log.place


def test_each_line_is_there_at_once_and_passed_on(logs: LocalLogs) -> None:
    passed: list[LogRecord] = []
    with logs.begin("jq", BUILD, passed.append) as log:
        log(record("cc -c a.c"))
        assert log.place.read_text() == "make | cc -c a.c\n"
        assert is_growing(log.place)
        log(LogRecord(0.0, "farm", "make", "made it"))
    assert log.place.read_text() == "make | cc -c a.c\nfarm: make | made it\n"
    assert [line.text for line in passed] == ["cc -c a.c", "made it"]
    assert not is_growing(log.place)


def test_a_log_that_cannot_be_written_any_more_stops_no_build(logs: LocalLogs) -> None:
    passed: list[LogRecord] = []
    with logs.begin("jq", BUILD, passed.append) as log:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, log._file.fileno())
        os.close(full)
        log(record("one"))
        log(record("two"))
    assert [line.text for line in passed] == ["one", "two"]


def test_runs_at_the_same_time_have_logs_of_their_own(logs: LocalLogs) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda number: write(logs, BUILD, str(number)), range(9)))
    assert len(set(places)) == 9
    assert sorted(place.read_text() for place in places) == [f"make | {number}\n" for number in range(9)]


def test_the_newest_ten_of_each_kind_stay_and_those_that_grow(logs: LocalLogs) -> None:
    with logs.begin("jq", BUILD, lambda _record: None) as old:
        test = write(logs, of_test("it runs"), "of a test")
        for number in range(12):
            newest = write(logs, BUILD, str(number))
        assert logs.newest("jq") == newest
        builds = {place.name for place in newest.parent.glob("build-*.log")}
    assert builds == {old.place.name, *(f"build-{number}.log" for number in range(4, 14))}
    assert test.exists()


def test_the_logs_of_a_test_that_passes_are_removed_and_no_others(logs: LocalLogs) -> None:
    kept = [write(logs, of_test(name), name) for name in ("it runs 2", "it runs", "it RUNS")]
    write(logs, of_test("it runs"), "again")
    logs.remove("jq", of_test("it runs"))
    assert {place.name for place in kept[0].parent.iterdir()} == {kept[0].name, kept[2].name}
    assert kept[0].name == "test-it-runs-2-1.log"


def test_a_name_cannot_lead_out_of_the_directory() -> None:
    for name in ("../../etc/passwd", "a/b", "\x1b[31m", "", "ß" * 300, "a" * 5000):
        assert "/" not in of_test(name)
        assert len(of_test(name)) < 80
    assert len({of_test(name) for name in ("a/b", "a.b", "a-b", "a b", "A b")}) == 5


def test_a_log_is_followed_to_the_end_of_its_process(logs: LocalLogs) -> None:
    log = logs.begin("jq", BUILD, lambda _record: None)
    seen: list[str] = []
    is_there = threading.Event()

    def follow() -> None:
        for line in lines_of(log.place, follow=True):
            seen.append(line)
            is_there.set()

    log(record("first"))
    reader = threading.Thread(target=follow)
    reader.start()
    assert is_there.wait(60)
    assert reader.is_alive()
    log(record("carriage\rreturn"))
    log(record("last"))
    log.__exit__()
    reader.join(60)
    assert seen == ["make | first", "make | carriage\rreturn", "make | last"]
    assert list(lines_of(log.place, follow=False)) == seen


def _write_for_ever(logs: LocalLogs) -> None:
    log = logs.begin("jq", BUILD, lambda _record: None)
    log(record("begun"))
    threading.Event().wait()


def test_a_killed_process_ends_what_follows_it(logs: LocalLogs) -> None:
    process = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(logs,))
    process.start()
    while not (place := logs.newest("jq")) or "begun" not in place.read_text():
        assert process.is_alive()
    assert is_growing(place)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert list(lines_of(place, follow=True)) == ["make | begun"]
