"""Keeps the programs of a farm running on one machine: starts them in order, restarts those that end, stops them all.

A program that ends is started again, at first at once and then after growing pauses, also during the start: it may have
waited for another. Only a program that cannot run (status 78, as in sysexits.h), or does not exist (126, 127), ends the
whole start. The output of each goes to a log file of limited size. If the supervisor is killed, the kernel ends its
programs (`setpriv --pdeathsig`).
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_READY_SECONDS = 60.0
"""Seconds between messages that a program is not ready yet."""
CANNOT_RUN = frozenset({78, 126, 127})
"""Exit statuses of a program that cannot be started: its settings are wrong, or it does not exist."""
_LAST_LINES = 5
_STOP_SECONDS = 15.0
_LOG_BYTES = 8 * 1024 * 1024
_LONGEST_PAUSE = 60.0
_STEADY_SECONDS = 120.0
"""After this many seconds, a program is not restarting in a loop."""


class ProgramError(FarmError):
    """A program of the farm cannot start. `said` is the end of its output, if any."""

    code = "program"

    def __init__(self, name: str, why: str, log: Path, said: str = "") -> None:
        super().__init__(f"{name} did not start: {why}{f': {said}' if said else ''}", remedy=f"See {log}.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its command line, its whole environment, and the check that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool] = field(default=lambda: True)


class Supervisor:
    """Runs programs until `stop`. Use it from one thread."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[_Running] = []

    def start(
        self,
        programs: Sequence[Program],
        started: Callable[[str], None],
        stop: threading.Event | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Start programs one after the other, each once the one before is ready; `started` is called with each name.

        Programs that end meanwhile are restarted, and `tell` is called with the reason, until `stop` is set. Raises
        `ProgramError` for a program that cannot run, after which what has been started still has to be stopped.
        """
        stop = stop or threading.Event()
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        for program in programs:
            running = _Running(program, self._logs / f"{program.name}.log")
            self._running.append(running)
            running.start()
            while not running.is_up:
                self._restart_what_ended(tell)
                if stop.wait(0.05):
                    return
            started(program.name)

    def watch(self, stop: threading.Event, tell: Callable[[str], None] = lambda _line: None) -> None:
        """Restart programs that end, until `stop` is set; `tell` gets a line about each."""
        while not stop.wait(0.5):
            self._restart_what_ended(tell)

    def _restart_what_ended(self, tell: Callable[[str], None]) -> None:
        for running in self._running:
            for line in running.look():
                tell(line)

    def stop(self) -> None:
        """End all programs, last first: with SIGTERM, and by force after 15 seconds."""
        for running in reversed(self._running):
            running.stop()
        self._running.clear()


class _Running:
    def __init__(self, program: Program, log: Path) -> None:
        self._program = program
        self._log = log
        self._logger = logging.Logger(f"farm.program.{program.name}")  # not in the global tree
        handler = logging.handlers.RotatingFileHandler(log, maxBytes=_LOG_BYTES, backupCount=2)
        self._logger.addHandler(handler)
        self._process: subprocess.Popen[bytes] | None = None
        self._copier: threading.Thread | None = None
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._started = 0.0
        self._told = 0.0
        self.is_up = False
        self._pause = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        self._started = self._told = time.monotonic()
        try:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self._program.command],
                env=dict(self._program.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramError(self._program.name, str(error), self._log) from error
        assert self._process.stdout is not None  # noqa: S101  # it was asked for just above
        self._said.clear()
        self._copier = threading.Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._copier.start()

    def look(self) -> list[str]:
        """Check the program, restart it after its pause if it has ended; return the lines to print."""
        now = time.monotonic()
        if self._process is None:
            self._start_again(now)
            return []
        if self._process.poll() is not None:
            return self._ended(self._process.returncode, now)
        if not self.is_up and self._program.ready():
            self.is_up = True
        if not self.is_up and now - self._told > _READY_SECONDS:
            self._told = now
            return [f"{self._program.name} is not ready after {now - self._started:.0f} s, see {self._log}"]
        return []

    def _ended(self, status: int, now: float) -> list[str]:
        self._logger.warning("[supervisor] ended with status %d", status)
        self._process = None
        *before, last = self._last_words() or [""]
        if not self.is_up and status in CANNOT_RUN:
            raise ProgramError(
                self._program.name, f"it ended with status {status}", self._log, "\n".join([*before, last])
            )
        self._pause = 0.0 if now - self._started > _STEADY_SECONDS else min(_LONGEST_PAUSE, self._pause * 2 + 0.5)
        self._not_before = now + self._pause
        when = "" if self.is_up else " before it was ready"
        again = f"in {self._pause:.0f} s" if self._pause >= 1 else "at once"
        problem = f"{self._program.name} ended with status {status}{when}{last and f': {last}'}"
        return [f"{problem}; it is started {again}, see {self._log}", *(f"  before that: {line}" for line in before)]

    def _start_again(self, now: float) -> None:
        if now < self._not_before:
            return
        try:
            self.start()
        except ProgramError as error:
            self._logger.warning("[supervisor] %s", error)
            self._not_before = now + _LONGEST_PAUSE

    def _last_words(self) -> list[str]:
        if self._copier is not None:
            self._copier.join(1)
        return list(self._said)

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _copy(self, output: IO[bytes]) -> None:
        for line in output:
            text = line[:10_000].decode("utf-8", "replace").rstrip()
            self._logger.warning("%s", text)
            if text:
                self._said.append(text)
