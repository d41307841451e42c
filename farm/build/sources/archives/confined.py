"""Reads archives of strangers, each in a process of its own with limits: what a hostile one breaks is only that."""

from __future__ import annotations

import json
import logging
import math
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from farm.build.sources.archives.confined_ending import FAILED, MOST_SAID, REFUSED
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOG = logging.getLogger("farm.build")
_PROCESS = "farm.build.sources.archives.confined_process"
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
_LOOK_AGAIN = 0.1
"""Seconds between two looks at whether the attempt was cancelled."""
_SOON = 0.005
"""Seconds between two looks at whether a process has ended that has closed its pipe."""


class ReadingCancelledError(FarmError):
    """An archive was not read to its end, because the attempt was cancelled."""

    code = "cancelled"


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What reading archives may take: MiB of memory for each; seconds of the processor, and seconds, for all together.

    A 7z archive that is read at all needs 256 MiB for its dictionary at most. 4 GiB of bzip2, the slowest format, take
    three minutes on one old core.
    """

    memory: int = 1024
    processor: int = 600
    wall: float = 1200.0


@dataclass(slots=True)
class ArchiveReader:
    """Reads the archives of an attempt within `limits`, until `cancelled` says that nobody waits for them any more.

    All methods raise `UnreadableArchiveError`, `ReadingCancelledError`, and `OSError` for what this machine lacks.
    """

    limits: ReadingLimits = ReadingLimits()
    cancelled: Callable[[], bool] = lambda: False
    _taken: float = field(default=0.0, init=False)
    """Seconds that reading took so far."""
    _worked: float = field(default=0.0, init=False)
    """Seconds of the processor that it took."""

    def write_as_tar(self, archive: Path, suffix: str, destination: Path, *, most_bytes: int) -> None:
        """Write an archive of the format of `suffix` as a new tar archive, see `as_tar`; nothing is left of a failure.

        Everybody may read what is written: the user of the build does.
        """
        try:
            with archive.open("rb") as source, destination.open("xb") as made:
                self._run(source, made, suffix, most_bytes)
                os.fchmod(made.fileno(), 0o444)
        except BaseException:
            destination.unlink(missing_ok=True)
            raise

    def check_not_flat(self, archive: Path) -> None:
        """Refuse a tar archive all of whose files lie at its top, see `flat_tar`."""
        with archive.open("rb") as source:
            self._run(source, subprocess.DEVNULL, "", 0)

    def _run(self, source: BinaryIO, destination: BinaryIO | int, suffix: str, most_bytes: int) -> None:
        wall, processor = self.limits.wall - self._taken, self.limits.processor - self._worked
        if wall <= 0 or processor <= 0:
            raise self._too_slow()
        given = [suffix, *map(str, (self.limits.memory, math.ceil(processor), wall, most_bytes, os.getpid()))]
        began = time.monotonic()
        # The limits are set by the process itself: code between fork and exec is not safe in a program with threads.
        with subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", _PROCESS, *given],
            stdin=source,
            stdout=destination,
            stderr=subprocess.PIPE,
            cwd="/",
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
        ) as process:
            try:
                said = self._wait(process, began + wall)
            finally:
                process.kill()
                self._taken += time.monotonic() - began
        self._check_ending(process.returncode, said)

    def _wait(self, process: subprocess.Popen[bytes], until: float) -> bytes:
        """Wait for the end of a process; return what it has said, as far as that is kept."""
        assert process.stderr is not None  # noqa: S101 - for the type checker: it is a pipe
        said, listening = b"", select.poll()
        listening.register(process.stderr, select.POLLIN)
        while True:
            if listening.poll(_LOOK_AGAIN * 1000):
                piece = os.read(process.stderr.fileno(), MOST_SAID)
                if not piece:
                    break
                said += piece[: MOST_SAID - len(said)]
            self._check_wanted(until)
        while not self._has_ended(process):  # soon, unless it has only closed the pipe
            time.sleep(_SOON)
            self._check_wanted(until)
        return said

    def _check_wanted(self, until: float) -> None:
        if self.cancelled():
            raise ReadingCancelledError("an archive was not read to its end")
        if time.monotonic() > until:
            raise self._too_slow()

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        """Return whether a process has ended, and record what it took of the processor."""
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._worked += usage.ru_utime + usage.ru_stime
        return bool(ended)

    def _check_ending(self, status: int, text: bytes) -> None:
        if status == 0:
            return
        if -status in (signal.SIGXCPU, signal.SIGALRM):
            raise self._too_slow()
        if status == REFUSED and (refusal := _refusal(text)):
            raise refusal
        if status == FAILED and text.isdigit():
            raise OSError(int(text), os.strerror(int(text)))  # of this machine, as a full disk
        _LOG.error("reading an archive ended with status %d: %r", status, text[-2000:])
        ending = f"signal {-status}" if status < 0 else f"status {status}"
        raise UnreadableArchiveError(f"the process that reads it ended with {ending}")

    def _too_slow(self) -> UnreadableArchiveError:
        limits = self.limits
        return UnreadableArchiveError(
            f"reading the archives of the build takes longer than {limits.wall:g} s, "
            f"or {limits.processor} s of the processor"
        )


def _refusal(text: bytes) -> UnreadableArchiveError | None:
    """Return the refusal that a process has written; None for anything else."""
    try:
        said = json.loads(text)
        return UnreadableArchiveError(str(said["message"]), remedy=str(said["remedy"]))
    except (ValueError, TypeError, KeyError):
        return None
