"""The logs of attempts on this machine, as text that grows while the attempt runs: `logs/RECIPE/build-3.log`."""

from __future__ import annotations

import fcntl
import hashlib
import re
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.buildlog.log_line import text_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.container.log_record import LogRecord

BUILD = "build"
_NEWEST = 10
"""So many logs of one build or test stay; older ones are removed."""
_PAUSE = 0.2
"""Seconds between looks at a log that is followed."""
_RECIPE = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_NAME = re.compile(r"(.+)-([0-9]{1,9})\.log")


def of_test(name: str) -> str:
    """Return what the logs of a test are named for: `test-it-greets`; with a digest where the name has more in it."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    is_whole = plain.replace("-", " ") == name
    return f"test-{plain}" if is_whole else f"test-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class LocalLogs:
    """The logs below `root`: of each recipe a directory, in which those of one kind (`build`, `test-…`) are numbered.

    A number is never used for two logs, and a log that grows is locked by its process.
    """

    root: Path

    @classmethod
    def below(cls, state: Path) -> LocalLogs:
        """Return the logs of a state."""
        return cls(state / "logs")

    def begin(self, recipe: str, kind: str, sink: Callable[[LogRecord], None]) -> GrowingLog:
        """Return a new log, which passes its records on to `sink`; removes old ones. Raises `OSError`."""
        folder = self.root / recipe
        folder.mkdir(parents=True, exist_ok=True)
        for old in self._of(recipe, kind)[: 1 - _NEWEST]:
            if not is_growing(old):
                old.unlink(missing_ok=True)
        number = max((_number(log) for log in self._of(recipe, kind)), default=0)
        while True:
            number += 1
            place = folder / f"{kind}-{number}.log"
            with suppress(FileExistsError):
                return GrowingLog(place, sink)

    def newest(self, recipe: str) -> Path | None:
        """Return the log of a recipe's newest build or test; None if there is none, or the name is not a recipe's."""
        logs = self._of(recipe) if _RECIPE.fullmatch(recipe) else ()
        return max(logs, key=lambda log: log.stat().st_mtime_ns, default=None)

    def remove(self, recipe: str, kind: str) -> None:
        """Remove the logs of one kind, but for those that grow."""
        for log in self._of(recipe, kind):
            if not is_growing(log):
                log.unlink(missing_ok=True)

    def _of(self, recipe: str, kind: str = "") -> list[Path]:
        """Return the logs of a recipe, of one kind or all, by their numbers."""
        found = ((log, _NAME.fullmatch(log.name)) for log in (self.root / recipe).glob("*.log"))
        return sorted((log for log, name in found if name and kind in ("", name[1])), key=_number)


def _number(log: Path) -> int:
    return int(log.stem.rpartition("-")[2])


class GrowingLog(AbstractContextManager["GrowingLog"]):
    """A log that grows: takes records, writes each as a line at once, and passes it on.

    Where the file cannot be written any more (a full disk), the attempt goes on without.
    """

    def __init__(self, place: Path, sink: Callable[[LogRecord], None]) -> None:
        """Make the file. Raises `FileExistsError`."""
        self.place = place
        self._sink = sink
        self._file = place.open("x", encoding="utf-8", errors="replace", buffering=1)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __call__(self, record: LogRecord) -> None:
        """Write a record."""
        with suppress(OSError):
            self._file.write(f"{text_line(record.stream, record.step, record.text)}\n")
        self._sink(record)

    def discard(self) -> None:
        """Remove the file: nothing was done."""
        self.place.unlink(missing_ok=True)

    def __exit__(self, *failure: Any) -> None:
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
    """Yield the lines of a log; with `follow` also those to come, until its process ends. Raises `OSError`."""
    with log.open(encoding="utf-8", errors="replace", newline="\n") as file:
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
