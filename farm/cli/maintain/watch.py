"""`farm watch`: everything of one's own in one screen, or as a line for each change."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from farm.cli.maintain.watched import Seen, Watched
from farm.cli.options import json_option
from farm.cli.output import console, say, say_json
from farm.cli.remote import connect_to_follow, number_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.api.notification_client import NotificationClient
    from farm.api.notification_wire import WatchWire

_WAIT, _WAIT_AT_WORK = 25, 5
"""Seconds that the farm waits for a change; shorter while steps of jobs are shown, which are no changes."""
_LEAST_SECONDS = 1.0
_LONGEST_PAUSE = 30.0
_INTERRUPTED = 130


@click.command()
@click.option("--once", is_flag=True, help="Print the present state, and do not wait for changes.")
@click.option("--submission", type=number_type, help="Watch this submission only, also somebody else's.")
@click.option("--exit-when-done", is_flag=True, help="End when no submission is unfinished; status 1 if one failed.")
@json_option
def watch(*, once: bool, submission: int | None, exit_when_done: bool, as_json: bool) -> int:
    """Watch all that is yours: unfinished submissions, their jobs, and packages that channels hold back.

    On a terminal it is one screen, which is kept up to date until Ctrl-C; otherwise a line for each change. With
    --json each change is a JSON document in a line. A submission that failed is shown for a day.

    \b
    Examples:
      farm watch
      farm watch --submission 12 --exit-when-done
      farm watch --once --json
    """
    watched = Watched()
    try:
        with connect_to_follow() as farm, _screen(watched, once=once, as_json=as_json) as show:
            for answer in _answers(farm, watched, submission):
                show(watched.update(answer))
                if once or (exit_when_done and watched.is_done):
                    break
    except KeyboardInterrupt:
        return _INTERRUPTED
    if watched.more:
        say("there are more jobs than are shown; see `farm watch --submission NUMBER`", err=True)
    return int(exit_when_done and watched.has_failed(ever=submission is not None))


def _answers(farm: NotificationClient, watched: Watched, submission: int | None) -> Iterator[WatchWire]:
    """Yield what is unfinished, and then each change. A farm that is away is asked again, with growing pauses."""
    from farm.api.errors import FarmUnreachableError
    from farm.api.notification_wire import MOST_AT_WORK

    pause = _LEAST_SECONDS
    while True:
        began = time.monotonic()
        at_work = watched.at_work[:MOST_AT_WORK]
        wait = 0 if watched.number is None else _WAIT_AT_WORK if at_work else _WAIT
        try:
            answer = farm.watch(since=watched.number, wait=wait, submission=submission, at_work=at_work)
        except FarmUnreachableError as error:
            if watched.number is None:
                raise
            say(f"{error.message}; asking again in {pause:.0f} s", err=True)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            continue
        pause = _LEAST_SECONDS
        yield answer
        # A farm with too many watchers answers at once.
        time.sleep(max(0.0, _LEAST_SECONDS - (time.monotonic() - began)))


@contextlib.contextmanager
def _screen(watched: Watched, *, once: bool, as_json: bool) -> Iterator[Callable[[list[Seen]], None]]:
    """Yield a function that shows changes: in place on a terminal, otherwise as lines."""
    if as_json:
        yield _say_documents
    elif not sys.stdout.isatty():
        yield lambda changed: _say_lines(changed, watched, once=once)
    else:
        from rich.live import Live

        from farm.cli.maintain.watch_screen import screen

        shown = console(err=False)
        if once:
            yield lambda _changed: shown.print(screen(watched, datetime.now(UTC)))
            return
        # It is drawn anew twice a second, for the times and after a change of the terminal's size.
        with Live(
            console=shown, get_renderable=lambda: screen(watched, datetime.now(UTC)), refresh_per_second=2
        ) as live:
            yield lambda _changed: live.refresh()


def _say_documents(changed: list[Seen]) -> None:
    for line in changed:
        say_json(line.form(), indent=None)


def _say_lines(changed: list[Seen], watched: Watched, *, once: bool) -> None:
    for line in changed:
        where = f" in {line.where}" if line.what == "package" else ""
        name = f"{line.name} (job {line.key})" if line.what == "job" else line.name
        why = f": {line.why}" if line.why else ""
        say(f"{line.since:%H:%M:%S}  {line.state:<10} {name}{where}{why}")
    if once and not watched.seen:
        say("nothing of yours is unfinished")
