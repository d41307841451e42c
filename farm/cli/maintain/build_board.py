"""The progress of a farm's jobs for people who wait: what is at work, for how long, what is left."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.cli.escaping import escape_control_chars
from farm.cli.output import console, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farm.api.wire import JobWire

_AT_WORK = ("leased", "running")


@contextlib.contextmanager
def board() -> Iterator[Callable[[Sequence[JobWire], int, int], None]]:
    """Yield a function that shows jobs, and how many of how many have ended; on a terminal, in place."""
    if sys.stderr.isatty():
        from rich.live import Live
        from rich.text import Text

        with Live(console=console(), auto_refresh=False, transient=True) as live:
            yield lambda jobs, done, total: live.update(Text(_lines(jobs, done, total)), refresh=True)
        return
    states: dict[int, str] = {}
    began = time.monotonic()

    def show(jobs: Sequence[JobWire], done: int, total: int) -> None:
        for job in jobs:
            if states.get(job.id) != job.state:
                states[job.id] = job.state
                at = int(time.monotonic() - began)
                say(f"[{done}/{total}] {at:>4} s  {job.state:<9} {job.name}", err=True)

    yield show


def _lines(jobs: Sequence[JobWire], done: int, total: int) -> str:
    now = datetime.now(UTC)
    lines = [
        f"  {job.name:<20} {job.state:<8} {int((now - job.changed_at).total_seconds()):>4} s"
        for job in jobs
        if job.state in _AT_WORK
    ]
    waiting = [job.name for job in jobs if job.state in ("waiting", "ready")]
    lines.append(f"{done} of {total} done" + (f", left: {' '.join(waiting)}" if waiting else ""))
    return "\n".join(map(escape_control_chars, lines))
