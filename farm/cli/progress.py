"""Progress for people: a line that moves on a terminal, and nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from farm.cli.output import console, moving_line, say
from farm.core.buildlog.terminal_text import plain
from farm.core.names.escaping import escape_control_chars
from farm.core.names.wording import counted, human_size
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.build.local.reports import BuildProgress, WorkAhead
    from farm.build.sources.fetch_all import FetchProgress
    from farm.container.log_record import LogRecord
    from farm.core.plan.job import BlobRef

_PATIENCE = 2.0
"""Seconds before progress is shown."""
_PAUSE = 0.1
"""Seconds between updates."""
_FIRST_MENTION, _NEXT_MENTION = 20.0, 60.0
"""Seconds until a build that runs is mentioned where no line moves, and from then to the next time."""
_RUNNING = ("building", "rebuilding", "unpacking")
_MOST_SHOWN = 4000
"""Characters of a line of a log that are looked at."""


class _Bytes:
    """How many bytes have been processed, for a line that moves. Safe to use from several threads."""

    def __init__(self, what: str, total: int, show: Callable[[str], None], *, deadline: float = 0.0) -> None:
        self._what, self._total, self._show = what, total, show
        self._next = time.monotonic() + deadline
        self._size = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self._size += size
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _PAUSE
                share = 100 * self._size // max(1, self._total)
                self._show(f"{self._what} {share:>3} %, {human_size(self._size)} of {human_size(self._total)}")


@contextlib.contextmanager
def downloads(total: int) -> Iterator[Callable[[BlobRef], None]]:
    """Show how much of `total` bytes has arrived; yields a function to call with each blob."""
    with moving_line() as show:
        arrived = _Bytes("fetching", total, show)
        yield lambda blob: arrived.add(blob.size)


class TerminalProgress:
    """`farm.client.repository.progress.Progress` on standard error."""

    def wait_for(self, place: Path) -> None:
        """Print that this command waits for another one."""
        say(f"waiting for another farm command that uses {place}", err=True)

    def fetch(self, size: int) -> AbstractContextManager[Callable[[BlobRef], None]]:
        """Show how many bytes have arrived, in a line that moves."""
        return downloads(size)

    def note(self, text: str) -> None:
        """Print a line."""
        say(text, err=True)


@contextlib.contextmanager
def reading_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` bytes was read, after two seconds."""
    with moving_line() as show:
        yield _Bytes("reading", total, show, deadline=_PATIENCE).add


@contextlib.contextmanager
def building(*, shows_log: bool = False) -> Iterator[BuildLines | MovingBuildLine]:
    """Show the progress of local builds: a line for each recipe, and on a terminal the last line of the log below.

    Elsewhere builds that take long are mentioned now and then, unless the caller prints their logs.
    """
    if not sys.stderr.isatty():
        with contextlib.closing(BuildLines(mentions=not shows_log)) as lines:
            yield lines
        return
    with contextlib.ExitStack() as shown:
        yield MovingBuildLine(shown)


class BuildLines:
    """The progress of local builds as lines; with `mentions`, a build that takes long has more of them."""

    def __init__(self, *, mentions: bool = True) -> None:
        self._mentions = mentions
        self._running: _LongBuild | None = None

    def progress(self, progress: BuildProgress) -> None:
        """Print a line."""
        self.close()
        say(_line(progress), err=True)
        if self._mentions and progress.state in _RUNNING:
            self._running = _LongBuild(progress)

    def doing(self, what: str) -> None:
        """Remember what the build does now."""
        if self._running:
            self._running.doing = what

    def log(self, record: LogRecord) -> None:
        """Show nothing of the log."""

    def close(self) -> None:
        """Mention the build no more."""
        if self._running:
            self._running.over.set()
            self._running = None


class _LongBuild:
    """A build that runs, which is mentioned in lines until `over` is set."""

    def __init__(self, progress: BuildProgress) -> None:
        self.doing = ""
        self.over = threading.Event()
        self._head = f"still {progress.state} {progress.recipe}"
        self._begun = time.monotonic()
        threading.Thread(target=self._mention, daemon=True).start()

    def _mention(self) -> None:
        wait = _FIRST_MENTION
        while not self.over.wait(wait):
            wait = _NEXT_MENTION
            seconds = f"{time.monotonic() - self._begun:.0f} s"
            say(", ".join(filter(None, (self._head, self.doing, seconds))), err=True)


class MovingBuildLine:
    """The progress of local builds on a terminal. `shown` closes the line that moves."""

    def __init__(self, shown: contextlib.ExitStack) -> None:
        self._shown = shown
        self._update: Callable[[str], None] = lambda _text: None
        self._next = 0.0

    def progress(self, progress: BuildProgress) -> None:
        """Print a line, and move another below it while something runs."""
        self._shown.close()  # in between, downloads have a moving line of their own
        self._update = lambda _text: None
        line = escape_control_chars(_line(progress))
        if progress.state == "testing":
            self._move(line)
            return
        console().print(line)
        if progress.state in _RUNNING:
            self._move(progress.recipe)

    def doing(self, what: str) -> None:
        """Show nothing: the line that moves has the last line of the log."""

    def log(self, record: LogRecord) -> None:
        """Show a line of the log as the last one."""
        if time.monotonic() >= self._next and (text := plain(record.text[:_MOST_SHOWN]).strip()):
            self._next = time.monotonic() + _PAUSE
            self._update(escape_control_chars(text))

    def _move(self, description: str) -> None:
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        last = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}", markup=False, table_column=last),
        )
        bars = self._shown.enter_context(Bars(*columns, console=console(), transient=True, expand=True))
        task = bars.add_task(description, total=None, last="")
        self._update = lambda text: bars.update(task, last=text)


@contextlib.contextmanager
def fetching_sources(total: int) -> Iterator[Callable[[FetchProgress], None]]:
    """Show how many of `total` sources have been fetched, in a line that moves; elsewhere, those that take long."""
    if not sys.stderr.isatty():
        with contextlib.closing(_SourceLines()) as lines:
            yield lines.update
        return
    with moving_line() as show:
        begun = time.monotonic()
        shown = 0.0

        def update(progress: FetchProgress) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - begun >= _PATIENCE and now - shown >= _PAUSE:
                shown = now
                show(f"fetching sources: {progress.files} of {total}, {human_size(progress.size)}")

        yield update


class _SourceLines:
    """A line for each source whose download takes long, and another at its end; `close` ends the waiting."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, threading.Timer]] = {}

    def update(self, progress: FetchProgress) -> None:
        if progress.event == "begun":
            timer = threading.Timer(_PATIENCE, say, (f"fetching {progress.file}",), {"err": True})
            timer.daemon = True
            self._begun[progress.file] = time.monotonic(), timer
            timer.start()
        elif progress.event and progress.file in self._begun:
            begun, timer = self._begun.pop(progress.file)
            timer.cancel()
            if (seconds := time.monotonic() - begun) >= _PATIENCE:
                what = "fetched" if progress.event == "fetched" else "could not fetch"
                say(f"{what} {progress.file}, after {seconds:.0f} s", err=True)

    def close(self) -> None:
        for _, timer in self._begun.values():
            timer.cancel()


@contextlib.contextmanager
def making_toolchain(name: str) -> Iterator[Callable[[str], None]]:
    """Print that a toolchain is made, and at its end how long it took; show what is being done in a line that moves."""
    say(f"making toolchain {name}, once on this host", err=True)
    begun = time.monotonic()
    with moving_line() as show:
        yield lambda doing: show(f"toolchain {name}: {doing}")
    say(f"made toolchain {name} in {time.monotonic() - begun:.0f} s", err=True)


def _line(progress: BuildProgress) -> str:
    took = f" in {progress.seconds:.0f} s" if progress.state == "built" else ""
    log = f", log: {progress.log}" if progress.log and progress.state != "unpacking" else ""
    return f"[{progress.number}/{progress.total}] {progress.state} {progress.recipe}{took}{log}"


def work_ahead_line(ahead: WorkAhead) -> str:
    """Return in a line what is built first, and how long that took the last time."""
    known = [build.seconds for build in ahead.builds if build.seconds is not None]
    builds = (
        build.recipe + (f" (last took {_time(build.seconds)})" if build.seconds is not None else "")
        for build in ahead.builds
    )
    most = "" if all(build.is_certain for build in ahead.builds) else "up to "
    many = counted(len(ahead.builds), "recipe")
    total = f"; {_time(sum(known))} in all" if len(known) == len(ahead.builds) > 1 else ""
    doing = "test" if ahead.tests else "build"
    verb = "is" if len(ahead.builds) == 1 else "are"
    return f"to {doing} {in_words(ahead.wanted)}, {most}{many} {verb} built first: {', '.join(builds)}{total}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
