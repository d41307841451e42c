"""Reads archives of strangers, each in a process of its own with limits: what a hostile one breaks is only that."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO

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


class ReadingCancelledError(FarmError):
    """An archive was not read to its end, because the attempt was cancelled."""

    code = "cancelled"


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What reading one archive may take: MiB of memory, seconds of the processor, and seconds in all.

    A 7z archive that is read at all needs 256 MiB for its dictionary at most. 4 GiB of bzip2, the slowest format, take
    three minutes on one old core.
    """

    memory: int = 1024
    processor: int = 600
    wall: float = 1200.0


@dataclass(frozen=True, slots=True)
class ArchiveReader:
    """Reads archives within `limits`, until `cancelled` says that nobody waits for them any more.

    All methods raise `UnreadableArchiveError`, `ReadingCancelledError`, and `OSError` for what this machine lacks.
    """

    limits: ReadingLimits = ReadingLimits()
    cancelled: Callable[[], bool] = lambda: False

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
        limits = self.limits
        given = [suffix, *map(str, (limits.memory, limits.processor, limits.wall, most_bytes))]
        # The limits are set by the process itself: code between fork and exec is not safe in a program with threads.
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", _PROCESS, *given],
                stdin=source,
                stdout=destination,
                stderr=said,
                cwd="/",
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,
            ) as process,
        ):
            try:
                self._wait(process)
            finally:
                process.kill()
            self._check_ending(process.returncode, said)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + self.limits.wall
        while True:
            try:
                process.wait(_LOOK_AGAIN)
            except subprocess.TimeoutExpired:
                if self.cancelled():
                    raise ReadingCancelledError("an archive was not read to its end") from None
                if time.monotonic() > until:
                    raise self._too_slow() from None
            else:
                return

    def _check_ending(self, status: int, said: IO[bytes]) -> None:
        if status == 0:
            return
        if -status in (signal.SIGXCPU, signal.SIGALRM):
            raise self._too_slow()
        said.seek(0)
        text = said.read(MOST_SAID)
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
            f"reading it takes longer than {limits.wall:g} s, or {limits.processor} s of the processor"
        )


def _refusal(text: bytes) -> UnreadableArchiveError | None:
    """Return the refusal that a process has written; None for anything else."""
    try:
        said = json.loads(text)
        return UnreadableArchiveError(str(said["message"]), remedy=str(said["remedy"]))
    except (ValueError, TypeError, KeyError):
        return None
