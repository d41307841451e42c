"""Logs on this machine: they can be read while they grow, and no run overwrites that of another."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from farm.build.local_logs import BUILD, REBUILD, UNPACK, GrowingLog, LocalLogs, is_growing, lines_of, of_test
from farm.container.log_record import LogRecord
from farm.errors import FarmError


def record(text: str, step: str = "make") -> LogRecord:
    return LogRecord(0.0, "output", step, text)


@pytest.fixture
def logs(tmp_path: Path) -> LocalLogs:
    return LocalLogs(tmp_path / "logs")


def write(logs: LocalLogs, kind: str, text: str, recipe: str = "jq") -> Path:
    with logs.begin(recipe, kind, lambda _record: None) as log:
        log(record(text))
    return place_of(log)


def place_of(log: GrowingLog) -> Path:
    assert log.place is not None
    return log.place


def test_each_line_is_there_at_once_and_passed_on(logs: LocalLogs) -> None:
    passed: list[LogRecord] = []
    with logs.begin("jq", BUILD, passed.append) as log:
        log(record("cc -c a.c"))
        place = place_of(log)
        assert place.read_text() == "make | cc -c a.c\n"
        assert is_growing(place)
        log(LogRecord(0.0, "farm", "make", "made it"))
    assert place.read_text() == "make | cc -c a.c\nfarm: make | made it\n"
    assert [line.text for line in passed] == ["cc -c a.c", "made it"]
    assert not is_growing(place)


def test_a_log_that_cannot_be_written_any_more_stops_no_build(logs: LocalLogs) -> None:
    passed: list[LogRecord] = []
    with logs.begin("jq", BUILD, passed.append) as log:
        assert log._file is not None
        descriptor = log._file.fileno()
        disk, full = os.dup(descriptor), os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, descriptor)
        log(record("one"))
        os.dup2(disk, descriptor)
        log(record("two"))
        os.close(disk)
        os.close(full)
    assert [line.text for line in passed] == ["one", "two"]
    assert "two" not in place_of(log).read_text()


@pytest.mark.parametrize("there", ["logs", "logs/jq", "logs/jq/.new/in"])
def test_a_log_that_cannot_be_made_stops_no_build(logs: LocalLogs, there: str) -> None:
    """Something else is there under its name: the user of the tests may write anywhere."""
    (logs.root.parent / there).parent.mkdir(parents=True, exist_ok=True)
    (logs.root.parent / there).touch()
    passed: list[LogRecord] = []
    with logs.begin("jq", BUILD, passed.append) as log:
        log(record("one"))
    assert log.place is None
    assert [line.text for line in passed] == ["one"]


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
    assert builds == {place_of(old).name, *(f"build-{number}.log" for number in range(4, 14))}
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
        for line in lines_of(place_of(log), follow=True):
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
    assert list(lines_of(place_of(log), follow=False)) == seen


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


def test_what_was_unpacked_or_rebuilt_is_no_build_and_pushes_none_out(logs: LocalLogs) -> None:
    failed = write(logs, BUILD, "failed")
    for kind in (UNPACK, REBUILD):
        for number in range(11):
            write(logs, kind, str(number))
    assert logs.newest("jq") == failed
    assert logs.recipes() == ("jq",)
    write(logs, UNPACK, "of others", recipe="sed")
    assert logs.newest("sed") is None
    assert logs.recipes() == ("jq",)


def _begin_and_end(logs: LocalLogs, rounds: int) -> None:
    """Begin logs and write to each; raises where one is not there while it grows."""
    for number in range(rounds):
        with logs.begin("jq", BUILD, lambda _record: None) as log:
            log(record(str(number)))
            place = place_of(log)
            assert place.read_text() == f"make | {number}\n"
            assert is_growing(place)


def test_a_log_that_grows_is_never_removed_by_others(logs: LocalLogs) -> None:
    """Many processes number, remove and collect logs of one recipe; meanwhile the newest is asked for, and read."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_begin_and_end, args=(logs, 150)) for _ in range(6)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        logs.collect(time.time(), most_bytes=0)
        if newest := logs.newest("jq"):
            with suppress(FarmError):
                list(lines_of(newest, follow=False))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6


def test_a_log_is_locked_before_it_can_be_seen(logs: LocalLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    lock = fcntl.flock

    def watched(file: Any, kind: int) -> None:
        lock(file, kind)
        if kind == fcntl.LOCK_EX and not isinstance(file, int):
            seen.append(logs.newest("jq") is None)

    monkeypatch.setattr(fcntl, "flock", watched)
    write(logs, BUILD, "text")
    assert seen == [True]


def test_where_the_newest_log_vanishes_the_next_one_is_found(logs: LocalLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the log of a test that passes, between the listing and the look at its time."""
    build = write(logs, BUILD, "of a build")
    test = write(logs, of_test("it runs"), "of a test")
    status = Path.stat

    def vanishing(path: Path, **options: Any) -> os.stat_result:
        if path == test:
            test.unlink(missing_ok=True)
        return status(path, **options)

    monkeypatch.setattr(Path, "stat", vanishing)
    assert logs.newest("jq") == build


def test_a_log_that_was_removed_is_said_to_be(logs: LocalLogs) -> None:
    test = write(logs, of_test("it runs"), "of a test")
    logs.remove("jq", of_test("it runs"))
    with pytest.raises(FarmError, match="was just removed") as caught:
        list(lines_of(test, follow=True))
    assert caught.value.code == "no-log"


def test_old_logs_are_collected_and_those_beyond_the_budget_but_none_that_grows(logs: LocalLogs) -> None:
    now, day = time.time(), 86400
    places = [
        write(logs, of_test(name), "x" * 92, recipe) for recipe, name in (("gone", "a"), ("jq", "b"), ("jq", "c"))
    ]
    before, of_farm = logs.root / "jq.log", logs.root / "7.jsonl"
    before.write_text("x" * 100)
    of_farm.write_text("{}")
    for place, age in zip([*places, before, of_farm], (40, 3, 2, 1, 400), strict=True):
        os.utime(place, (now - age * day,) * 2)
    assert [place.stat().st_size for place in (*places, before)] == [100] * 4
    assert logs.collect(now, dry_run=True) == (1, 100)
    assert places[0].exists()
    assert logs.collect(now) == (1, 100)
    assert not places[0].exists()
    with logs.begin("jq", BUILD, lambda _record: None) as log:
        os.utime(place_of(log), (now - 50 * day,) * 2)
        assert logs.collect(now, most_bytes=200) == (1, 100)
        assert (places[1].exists(), places[2].exists(), before.exists()) == (False, True, True)
        assert logs.collect(now, most_bytes=0) == (2, 200)
        assert place_of(log).exists()
    assert of_farm.exists()
