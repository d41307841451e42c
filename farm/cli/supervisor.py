"""Keeps the programs of one farm running on one machine: starts them in order, restarts what ends, stops them all.

A program that ends is started again, at first at once and then ever later; its output goes to a log file of bounded
size. Should the supervisor itself be killed, the kernel ends its programs (`setpriv --pdeathsig`).
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_LOG_BYTES = 8 * 1024 * 1024
_LONGEST_PAUSE = 60.0
_STEADY_SECONDS = 120.0
"""A program that has run for so long is no longer restarting in a loop."""


class ProgramError(FarmError):
    """A program of the farm did not come up. `said` is the last line that it put out, if any."""

    code = "program"

    def __init__(self, name: str, why: str, log: Path, said: str = "") -> None:
        super().__init__(f"{name} did not start: {why}{f': {said}' if said else ''}", remedy=f"See {log}.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its command line, its whole environment, and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool] = field(default=lambda: True)


class Supervisor:
    """Runs programs until `stop`. Use it from one thread."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[_Running] = []

    def start(self, programs: Sequence[Program], started: Callable[[str], None]) -> None:
        """Start programs one after the other, each once the one before is ready; `started` is told each name.

        Raises `ProgramError`, after which what has been started still has to be stopped.
        """
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        for program in programs:
            running = _Running(program, self._logs / f"{program.name}.log")
            self._running.append(running)
            running.start()
            running.wait_until_ready()
            started(program.name)

    def watch(self, stop: threading.Event, tell: Callable[[str], None] = lambda _line: None) -> None:
        """Restart what ends, until `stop` is set; `tell` is told each time in a line."""
        while not stop.wait(0.5):
            for running in self._running:
                if line := running.restart_if_ended():
                    tell(line)

    def stop(self) -> None:
        """End all programs, last first: asked to, and after 15 seconds made to."""
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
        self._said = ""
        self._started = 0.0
        self._pause = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        self._started = time.monotonic()
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
        self._said = ""
        self._copier = threading.Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._copier.start()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._program.ready():
            if self._process is not None and self._process.poll() is not None:
                raise self._failed(f"it ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(f"it was not ready after {_READY_SECONDS:.0f} s")
            time.sleep(0.05)

    def _failed(self, why: str) -> ProgramError:
        self._last_words()
        return ProgramError(self._program.name, why, self._log, self._said)

    def restart_if_ended(self) -> str:
        """Start again what has ended, in time; return in a line that it has just ended, or nothing."""
        now, told = time.monotonic(), ""
        if self._process is not None:
            if self._process.poll() is None:
                return ""
            ended = self._process.returncode
            self._logger.warning("[supervisor] ended with status %d", ended)
            self._process = None
            self._pause = 0.0 if now - self._started > _STEADY_SECONDS else min(_LONGEST_PAUSE, self._pause * 2 + 0.5)
            self._not_before = now + self._pause
            again = f"in {self._pause:.0f} s" if self._pause >= 1 else "at once"
            told = f"{self._program.name} ended with status {ended}{self._last_words()}"
            told += f"; it is started {again}, see {self._log}"
        if now >= self._not_before:
            try:
                self.start()
            except ProgramError as error:
                self._logger.warning("[supervisor] %s", error)
                self._not_before = now + _LONGEST_PAUSE
        return told

    def _last_words(self) -> str:
        if self._copier is not None:
            self._copier.join(1)
        return f": {self._said}" if self._said else ""

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
            self._said = text or self._said
