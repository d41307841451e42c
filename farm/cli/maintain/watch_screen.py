"""The screen of `farm watch`: submissions with their jobs, and packages by channel, as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from farm.core.names.escaping import escape_control_chars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from farm.cli.maintain.watched import Seen, Watched

_FINISHED = ("done", "withdrawn", "superseded", "expired")
_STILL_SHOWN = timedelta(minutes=10)
_COLOURS = {
    "failed": "red",
    "preview-fails": "red",
    "cancelled": "red",
    "blocked": "yellow",
    "set-aside": "yellow",
    "held-back": "yellow",
    "waiting": "yellow",
    "running": "cyan",
    "succeeded": "green",
    "done": "green",
    "preview-passes": "green",
    "released": "green",
}


def screen(watched: Watched, now: datetime) -> Group:
    """Return the tables; jobs that have succeeded are only counted."""
    parts: list[RenderableType] = []
    for submission in watched.submissions():
        if submission.state in _FINISHED and now - submission.since > _STILL_SHOWN:
            continue
        jobs = watched.jobs(submission.key)
        parts.append(_heading(submission, jobs))
        if left := [job for job in jobs if job.state != "succeeded"]:
            headings = ("  JOB", "NAME", "STATE", "FOR", "WORKER", "STEP", "")
            parts.append(_table(headings, [_job_row(job, now) for job in left]))
    if packages := watched.packages():
        parts.append(Text("channels", "bold"))
        parts.append(
            _table(("  CHANNEL", "PACKAGE", "STATE", "FOR", ""), [_package_row(line, now) for line in packages])
        )
    return Group(*(parts or [Text("nothing of yours is unfinished")]))


def _heading(submission: Seen, jobs: Sequence[Seen]) -> Text:
    done = sum(job.state == "succeeded" for job in jobs)
    count = f"  {done} of {len(jobs)} done" if jobs else ""
    return Text.assemble((submission.name, "bold"), "  ", _state(submission), count)


def _job_row(job: Seen, now: datetime) -> tuple[Text, ...]:
    return (
        _plain(f"  {job.key}"),
        _plain(job.name),
        _state(job),
        _plain(_lasted(job, now)),
        _plain(job.worker),
        _plain(job.step),
        _plain(job.why),
    )


def _package_row(line: Seen, now: datetime) -> tuple[Text, ...]:
    return _plain(f"  {line.where}"), _plain(line.name), _state(line), _plain(_lasted(line, now)), _plain(line.why)


def _table(headings: tuple[str, ...], rows: Sequence[tuple[Text, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for heading in headings:
        # Only the reason gives way on a narrow terminal.
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=None if heading else 1)
    for row in rows:
        table.add_row(*row)
    return table


def _state(line: Seen) -> Text:
    return Text(escape_control_chars(line.state), _COLOURS.get(line.state, ""))


def _plain(text: str) -> Text:
    return Text(escape_control_chars(text))


def _lasted(line: Seen, now: datetime) -> str:
    seconds = max(0, int((now - line.since).total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    return (
        f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
    )
