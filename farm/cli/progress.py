"""Progress for people: a line that moves on a terminal, and nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.plan import BlobRef


@contextlib.contextmanager
def downloads(total: int) -> Iterator[Callable[[BlobRef], None]]:
    """Show how much of `total` bytes has arrived; yields what is to be called with each blob that has."""
    if not sys.stderr.isatty():
        yield lambda _blob: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fetching", total=total)
        yield lambda blob: progress.advance(task, blob.size)
