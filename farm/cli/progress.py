"""Progress for people: a line that moves on a terminal, and nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from farm.cli.inert import inert
from farm.cli.output import console, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.building.local import Progress
    from farm.plan import BlobRef

_PATIENCE = 2.0
"""Seconds that something may take before it is shown how far it is."""


@contextlib.contextmanager
def downloads(total: int) -> Iterator[Callable[[BlobRef], None]]:
    """Show how much of `total` bytes has arrived; yields what is to be called with each blob that has."""
    if not total or not sys.stderr.isatty():
        yield lambda _blob: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console(), transient=True) as progress:
        task = progress.add_task("fetching", total=total)
        yield lambda blob: progress.advance(task, blob.size)


@contextlib.contextmanager
def building() -> Iterator[Callable[[Progress], None]]:
    """Show what a local build is at: one line that moves on a terminal, a line for each recipe elsewhere."""
    if not sys.stderr.isatty():
        yield lambda progress: say(_line(progress), err=True)
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    with Bars(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), console=console()
    ) as bars:
        tasks: list[TaskID] = []

        def show(progress: Progress) -> None:
            while tasks:
                bars.remove_task(tasks.pop())
            if progress.state in ("building", "testing"):
                tasks.append(bars.add_task(inert(_line(progress)), total=None))
            else:
                bars.console.print(inert(_line(progress)))

        yield show


def _line(progress: Progress) -> str:
    took = f" in {progress.seconds:.0f} s" if progress.state == "built" else ""
    return f"[{progress.number}/{progress.total}] {progress.state} {progress.recipe}{took}"


@contextlib.contextmanager
def looking(total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` bytes was read, once that takes longer than two seconds."""
    if not sys.stderr.isatty():
        yield lambda _size: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bars

    begun, read = time.monotonic(), 0
    bars = Bars(TextColumn("reading"), BarColumn(), DownloadColumn(), console=console(), transient=True)
    task = bars.add_task("reading", total=total)

    def seen(size: int) -> None:
        nonlocal read
        read += size
        if time.monotonic() - begun > _PATIENCE:
            bars.start()
            bars.update(task, completed=read)

    try:
        yield seen
    finally:
        bars.stop()
