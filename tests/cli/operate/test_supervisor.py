"""The supervisor over real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from farm.cli.operate.supervisor import CANNOT_RUN, Program, ProgramError, Supervisor

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(name: str, text: str, ready: Path | None = None) -> Program:
    return Program(name, (sys.executable, "-u", "-c", text), ENVIRONMENT, ready.exists if ready else lambda: True)


def eventually(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_programs_start_in_order_and_all_stop(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "log")
    begun: list[str] = []
    mark = "import os,sys,time; open(sys.argv[0] if 0 else {!r},'w').write(str(os.getpid())); time.sleep(600)"
    programs = [python(name, mark.format(str(tmp_path / name)), tmp_path / name) for name in ("one", "two")]
    supervisor.start(programs, begun.append)
    assert begun == ["one", "two"]
    eventually(lambda: all((tmp_path / name).read_text() for name in begun))
    pids = [int((tmp_path / name).read_text()) for name in begun]
    supervisor.stop()
    assert not any(alive(pid) for pid in pids)


def test_a_program_that_ends_is_started_again(tmp_path: Path) -> None:
    supervisor, stop = Supervisor(tmp_path / "log"), threading.Event()
    starts = tmp_path / "starts"
    supervisor.start(
        [python("short", f"open({str(starts)!r},'a').write('x'); print('why'); import time; time.sleep(0.3)")],
        lambda _name: None,
    )
    lines: list[str] = []
    watcher = threading.Thread(target=supervisor.watch, args=(stop, lines.append))
    watcher.start()
    eventually(lambda: starts.exists() and len(starts.read_text()) >= 2)
    stop.set()
    watcher.join()
    supervisor.stop()
    log = tmp_path / "log" / "short.log"
    assert "ended with status 0" in log.read_text()
    assert lines[0] == f"short ended with status 0: why; it is started at once, see {log}"


def test_a_program_that_ends_during_its_start_is_started_again_and_told_with_its_last_lines(tmp_path: Path) -> None:
    supervisor, lines, names = Supervisor(tmp_path / "log"), list[str](), list[str]()
    other, starts, ready = tmp_path / "other", tmp_path / "starts", tmp_path / "ready"
    ends = f"open({str(other)!r}, 'a').write('x'); import time; time.sleep(0.1)"
    late = (
        f"import pathlib, time; starts = pathlib.Path({str(starts)!r}); starts.open('a').write('x')\n"
        "print('looking for the disk'); print('no disk yet')\n"
        "if len(starts.read_text()) < 3: raise SystemExit(4)\n"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    programs = [python("first", ends), python("late", late, ready)]
    supervisor.start(programs, names.append, threading.Event(), lines.append)
    assert names == ["first", "late"]
    supervisor.stop()
    log = tmp_path / "log" / "late.log"
    why = "late ended with status 4 before it was ready: no disk yet; it is started"
    late_lines = [line for line in lines if "late" in line or "disk" in line]
    assert late_lines == [
        f"{why} at once, see {log}",
        "  before that: looking for the disk",
        f"{why} in 2 s, see {log}",
        "  before that: looking for the disk",
    ]
    # Programs that were started before are watched meanwhile.
    assert len(other.read_text()) > 1
    assert any(line.startswith("first ended with status 0") for line in lines)


def test_a_start_that_comes_to_nothing_goes_on_until_it_is_told_to_stop(tmp_path: Path) -> None:
    supervisor, stop, lines = Supervisor(tmp_path / "log"), threading.Event(), list[str]()
    never = python("never", "raise SystemExit(1)", tmp_path / "never")
    starting = threading.Thread(target=supervisor.start, args=([never], lambda _: None, stop, lines.append))
    starting.start()
    eventually(lambda: len(lines) >= 3)
    assert starting.is_alive()
    stop.set()
    starting.join(5)
    assert not starting.is_alive()
    supervisor.stop()


@pytest.mark.parametrize("status", sorted(CANNOT_RUN))
def test_a_program_that_says_that_it_cannot_run_ends_the_start_and_is_named_with_its_log(
    tmp_path: Path, status: int
) -> None:
    supervisor = Supervisor(tmp_path / "log")
    text = f"print('a line'); print('what went wrong'); raise SystemExit({status})"
    why = f"broken did not start: it ended with status {status}: a line\nwhat went wrong"
    with pytest.raises(ProgramError, match=why) as caught:
        supervisor.start([python("broken", text, tmp_path / "never")], lambda _name: None)
    assert str(tmp_path / "log" / "broken.log") in caught.value.remedy
    assert "what went wrong" in (tmp_path / "log" / "broken.log").read_text()


@pytest.mark.parametrize("module", ["web", "workers.control", "workers.build"])
def test_the_farms_programs_say_so_of_wrong_settings(tmp_path: Path, module: str) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"surprise": 1}')
    command = [sys.executable, "-m", module, "--settings", str(settings)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert ended.returncode in CANNOT_RUN
    assert "surprise" in ended.stderr


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Program("gone", (str(tmp_path / "no-such-program"),), ENVIRONMENT, lambda: False)
    supervisor = Supervisor(tmp_path / "log")
    with pytest.raises(ProgramError, match="gone did not start: it ended with status 127"):
        supervisor.start([missing], lambda _name: None)


def test_killing_the_supervisor_ends_its_programs(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os,time; open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(600)"
    parent = (
        "import sys, time; from pathlib import Path; from farm.cli.operate.supervisor import *; import os\n"
        f"Supervisor(Path({str(tmp_path / 'log')!r})).start([Program('child', (sys.executable, '-c', {child!r}), "
        "{'PATH': os.environ['PATH']})], print); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: pid_file.exists() and pid_file.read_text())
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    eventually(lambda: not alive(int(pid_file.read_text())))
