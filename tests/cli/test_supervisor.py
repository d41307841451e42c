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

from farm.cli.supervisor import Program, ProgramError, Supervisor

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
    supervisor.start([python("short", f"open({str(starts)!r},'a').write('x'); print('why')")], lambda _name: None)
    told: list[str] = []
    watcher = threading.Thread(target=supervisor.watch, args=(stop, told.append))
    watcher.start()
    eventually(lambda: starts.exists() and len(starts.read_text()) >= 2)
    stop.set()
    watcher.join()
    supervisor.stop()
    log = tmp_path / "log" / "short.log"
    assert "ended with status 0" in log.read_text()
    assert told[0] == f"short ended with status 0: why; it is started at once, see {log}"


def test_a_program_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "log")
    never = python("broken", "print('what went wrong'); raise SystemExit(3)", tmp_path / "never")
    with pytest.raises(ProgramError, match="broken did not start: it ended with status 3: what went wrong") as caught:
        supervisor.start([never], lambda _name: None)
    assert str(tmp_path / "log" / "broken.log") in caught.value.remedy
    assert "what went wrong" in (tmp_path / "log" / "broken.log").read_text()


def test_killing_the_supervisor_ends_its_programs(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os,time; open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(600)"
    parent = (
        "import sys, time; from pathlib import Path; from farm.cli.supervisor import *; import os\n"
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
