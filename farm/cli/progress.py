"""Progress for people: a line that moves on a terminal, and nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from farm.cli.output import console, moving_line, say
from farm.core.names.escaping import escape_control_chars
from farm.core.names.wording import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.build.local.reports import BuildProgress
    from farm.build.sources.fetch_all import FetchProgress
    from farm.core.plan.job import BlobRef

_PATIENCE = 2.0
"""Seconds before progress is shown."""
_PAUSE = 0.1
"""Seconds between updates."""


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
def building() -> Iterator[Callable[[BuildProgress], None]]:
    """Show the progress of local builds: a line that moves on a terminal, a line for each recipe elsewhere."""
    if not sys.stderr.isatty():
        yield lambda progress: say(_line(progress), err=True)
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with contextlib.ExitStack() as shown:

        def show(progress: BuildProgress) -> None:
            shown.close()  # in between, downloads have a moving line of their own
            line = escape_control_chars(_line(progress))
            if progress.state in ("building", "testing"):
                columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
                shown.enter_context(Bars(*columns, console=console(), transient=True)).add_task(line, total=None)
            else:
                console().print(line)

        yield show


@contextlib.contextmanager
def fetching_sources(total: int) -> Iterator[Callable[[FetchProgress], None]]:
    """Show how many of `total` sources have been fetched, in a line that moves."""
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


def _line(progress: BuildProgress) -> str:
    took = f" in {progress.seconds:.0f} s" if progress.state == "built" else ""
    return f"[{progress.number}/{progress.total}] {progress.state} {progress.recipe}{took}"
