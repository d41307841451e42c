"""The logs of attempts on this machine, as text that grows while the attempt runs: `logs/RECIPE/build-3.log`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from farm.core.buildlog.log_line import text_line
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.container.log_record import LogRecord

BUILD, REBUILD, UNPACK = "build", "rebuild", "unpack"
_TEST = "test-"
_NEWEST = 10
"""So many logs of one build or test stay; older ones are removed."""
_MOST_BYTES = 1 << 30
_MOST_DAYS = 30
_PAUSE = 0.2
"""Seconds between looks at a log that is followed."""
_NEW = ".new"
"""A log that has no number yet."""
_RECIPE = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_NAME = re.compile(r"(.+)-([0-9]{1,9})\.log")


def of_test(name: str) -> str:
    """Return what the logs of a test are named for: `test-it-greets`; with a digest where the name has more in it."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    is_whole = plain.replace("-", " ") == name
    return f"{_TEST}{plain}" if is_whole else f"{_TEST}{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class LocalLogs:
    """The logs below `root`: of each recipe a directory, in which those of one kind (`build`, `test-…`) are numbered.

    A new log has the highest number of its kind, one more than those that are there. It is locked by its process while
    it grows. Who numbers or removes logs of a recipe holds the lock of its directory.
    """

    root: Path

    @classmethod
    def below(cls, state: Path) -> LocalLogs:
        """Return the logs of a state."""
        return cls(state / "logs")

    def begin(self, recipe: str, kind: str, sink: Callable[[LogRecord], None]) -> GrowingLog:
        """Return a new log, which passes its records on to `sink`; removes old ones.

        Where no file can be made, the log has none.
        """
        folder = self.root / recipe
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder):
                for old in self._of(recipe, kind)[: 1 - _NEWEST]:
                    _remove(old)
                number = max((_number(log) for log in self._of(recipe, kind)), default=0) + 1
                file = (folder / _NEW).open("w", encoding="utf-8", errors="replace", buffering=1)
                fcntl.flock(file, fcntl.LOCK_EX)
                place = (folder / _NEW).rename(folder / f"{kind}-{number}.log")
        except OSError:
            return GrowingLog(None, None, sink)
        return GrowingLog(place, file, sink)

    def newest(self, recipe: str) -> Path | None:
        """Return the log of a recipe's newest build or test; None if there is none, or the name is not a recipe's."""
        logs = self._of(recipe) if _RECIPE.fullmatch(recipe) else ()
        timed = ((status.st_mtime_ns, log) for log in logs if _is_of_build_or_test(log) and (status := _status(log)))
        return max(timed, default=(0, None))[1]

    def recipes(self) -> tuple[str, ...]:
        """Return the recipes that have logs of builds or tests, sorted."""
        folders = self.root.glob("*/")
        return tuple(sorted(folder.name for folder in folders if any(map(_is_of_build_or_test, _numbered(folder)))))

    def remove(self, recipe: str, kind: str) -> None:
        """Remove the logs of one kind, but for those that grow."""
        with suppress(FileNotFoundError), _locked(self.root / recipe):
            for log in self._of(recipe, kind):
                _remove(log)

    def collect(
        self, now: float, *, most_bytes: int = _MOST_BYTES, most_days: int = _MOST_DAYS, dry_run: bool = False
    ) -> tuple[int, int]:
        """Remove logs that are older than `most_days`, and the oldest until all others take at most `most_bytes`.

        Those that grow stay. `now` is in seconds since the epoch. Returns how many are removed, and their bytes.
        """
        removed = size = total = 0
        for at, length, log in self._all():
            total += length
            if total <= most_bytes and at >= now - most_days * 86400:
                continue
            with suppress(FileNotFoundError), _locked(log.parent):
                if not is_growing(log) if dry_run else _remove(log):
                    removed, size, total = removed + 1, size + length, total - length
        return removed, size

    def _all(self) -> list[tuple[float, int, Path]]:
        """Return time, bytes and place of all logs, the newest first; with those of farms before logs had numbers."""
        before = (log for log in self.root.glob("*.log") if _RECIPE.fullmatch(log.stem))
        logs = [*before, *(log for folder in self.root.glob("*/") for log in _numbered(folder))]
        found = ((status.st_mtime, status.st_size, log) for log in logs if (status := _status(log)))
        return sorted(found, reverse=True)

    def _of(self, recipe: str, kind: str = "") -> list[Path]:
        """Return the logs of a recipe, of one kind or all, by their numbers."""
        found = _numbered(self.root / recipe)
        return sorted((log for log in found if kind in ("", log.stem.rpartition("-")[0])), key=_number)


def _numbered(folder: Path) -> Iterator[Path]:
    return (log for log in folder.glob("*.log") if _NAME.fullmatch(log.name))


def _number(log: Path) -> int:
    return int(log.stem.rpartition("-")[2])


def _is_of_build_or_test(log: Path) -> bool:
    return log.name.startswith((f"{BUILD}-", _TEST))


def _status(log: Path) -> os.stat_result | None:
    """Return what is known of a file; None if it was removed meanwhile."""
    with suppress(FileNotFoundError):
        return log.stat()
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a directory. Raises `FileNotFoundError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove(log: Path) -> bool:
    """Remove a log unless it grows; return whether it was removed."""
    if is_growing(log):
        return False
    log.unlink(missing_ok=True)
    return True


class GrowingLog(AbstractContextManager["GrowingLog"]):
    """A log that grows: takes records, writes each as a line at once, and passes it on.

    `place` is None where no file could be made. Where the file cannot be written any more (a full disk), the attempt
    goes on without.
    """

    def __init__(self, place: Path | None, file: IO[str] | None, sink: Callable[[LogRecord], None]) -> None:
        """Take a file that is locked, and closed at the end."""
        self.place = place
        self._sink = sink
        self._file = file
        self._is_written = file is not None

    def __call__(self, record: LogRecord) -> None:
        """Write a record."""
        if self._file and self._is_written:
            try:
                self._file.write(f"{text_line(record.stream, record.step, record.text)}\n")
            except OSError:
                self._is_written = False  # or a line could be missing in the midst of others
        self._sink(record)

    def __exit__(self, *failure: Any) -> None:
        if self._file:
            with suppress(OSError):
                self._file.close()


def is_growing(log: Path) -> bool:
    """Return whether a process still writes a log."""
    try:
        with log.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def lines_of(log: Path, *, follow: bool) -> Iterator[str]:
    """Yield the lines of a log; with `follow` also those to come, until its process ends.

    Raises `FarmError` (`no-log`) where the log was removed meanwhile, and `OSError`.
    """
    try:
        file = log.open(encoding="utf-8", errors="replace", newline="\n")
    except FileNotFoundError as error:
        raise FarmError(
            f"{log} was just removed", remedy="The logs of a test are removed when it passes.", code="no-log"
        ) from error
    with file:
        rest = ""
        while True:
            ends = not (follow and is_growing(log))  # before it is read: what is written last is read then
            for piece in file:
                rest += piece
                if rest.endswith("\n"):
                    yield rest[:-1]
                    rest = ""
            if ends:
                break
            time.sleep(_PAUSE)
        if rest:
            yield rest
