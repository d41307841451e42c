"""Follows an accepted submission on standard error: its builds until all have ended, then the channel's decision."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.api.channel_outcome import ChannelOutcome, channel_outcome
from farm.cli.channel_lines import (
    candidate_line,
    passed_gates,
    say_trouble,
    waiting_line,
    waits_for_signer,
    waits_for_thaw,
)
from farm.cli.maintain.jobs import error_of_job
from farm.cli.output import console, say, say_lines, styled
from farm.core.names.escaping import escape_control_chars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.api.farm_client import FarmClient
    from farm.api.submission_wire import SubmissionWire
    from farm.api.wire import JobWire

_ENDED = ("succeeded", "failed", "cancelled", "blocked", "set-aside")
_POLL_SECONDS = 0.5
WAITS = 3
"""The exit status while a submission waits for a person."""


def follow(farm: FarmClient, taken: SubmissionWire, *, wait: bool, channel: str | None) -> int:
    """Follow the builds of an accepted submission, and what a channel decides; return the exit status."""
    submitted = {accepted.name: accepted.job.id for accepted in taken.accepted}
    if (wait or channel) and _follow_builds(farm, list(submitted.values())):
        return 1
    return _follow_channel(farm, channel, submitted) if channel else 0


def _follow_builds(farm: FarmClient, wanted: list[int]) -> bool:
    """Show the builds until all have ended or wait for a person; return whether one did not succeed."""
    left = set(wanted)
    ended: dict[int, JobWire] = {}
    shown: dict[int, str] = {}
    with board() as show:
        while True:
            jobs = farm.jobs_numbered(left)
            ended |= {number: job for number, job in jobs.items() if job.state in _ENDED}
            left -= ended.keys()
            for job in jobs.values():
                if job.trouble and job.state == "ready" and shown.get(job.id) != job.error:
                    shown[job.id] = job.error
                    why = job.error.partition("\n")[0]
                    say(f"{job.name} (job {job.id}) is tried again: {why}", err=True)
            show([*jobs.values()], len(ended), len(wanted))
            # A blocked job waits for a person; the job that blocks it says why.
            if not left:
                break
            time.sleep(_POLL_SECONDS)
    bad = [job for job in ended.values() if job.state != "succeeded"]
    for job in bad:
        say(styled(job.state, fg="red") + f": {job.name} (job {job.id}) {job.error.partition(chr(10))[0]}", err=True)
        if job.state == "failed":
            say_lines(error_of_job(farm, job.id), err=True)
    return bool(bad)


def _follow_channel(farm: FarmClient, channel: str, submitted: dict[str, int]) -> int:
    """Wait until the channel has decided about all built packages, and print the result for the submitted ones."""
    said, since, is_delayed = "", time.monotonic(), False
    shown: set[str] = set()
    while True:
        status = farm.channel(channel)
        if say_trouble(channel, status):
            return 1
        if status["settled"]:
            return _say_outcome(channel, channel_outcome(farm, status, submitted))
        if reason := waits_for_thaw(status):
            say(f"{reason}; the release follows once the freeze ends", err=True)
            return 1
        now = candidate_line(status) or waiting_line(status)
        if now and now != said:
            say(candidate_line(status, shown) or now, err=True)
            said, since = now, time.monotonic()
            shown |= passed_gates(status)
        if not is_delayed and waits_for_signer(status, time.monotonic() - since):
            is_delayed = True
            say("the release waits for the signer; see the logs of the signer and of control", err=True)
        time.sleep(_POLL_SECONDS)


def _say_outcome(channel: str, outcome: ChannelOutcome) -> int:
    """Print what the channel decided about the submitted packages, and return the exit status."""
    release = "empty" if outcome.release is None else f"release {outcome.release}"
    if outcome.nothing_released and outcome.candidate_refused:
        number = "" if outcome.candidate is None else f" (candidate {outcome.candidate})"
        say(styled(f"refused by {channel}", fg="red") + f"{number}:", err=True)
        _say_excuses(outcome.refusal)
        say(f"{channel} is unchanged: {release}", err=True)
    elif outcome.nothing_released:
        say(f"{channel}: {release} is without {', '.join(sorted(outcome.missing))}")
    else:
        without = f", without {', '.join(sorted(outcome.missing))}" if outcome.missing else ""
        holds = f"{release} holds {', '.join(sorted(outcome.submitted))}"
        say(f"{channel}: {holds if outcome.candidate_refused else f'{release} is published{without}'}")
    if outcome.held_back and not (outcome.nothing_released and outcome.candidate_refused):
        say(styled(f"held back from {channel}:", fg="yellow"), err=True)
        _say_excuses(outcome.held_back)
    if outcome.others:
        packages = "1 package" if outcome.others == 1 else f"{outcome.others} packages"
        say(f"also held back from {channel}: {packages} of other submissions", err=True)
    if outcome.failed_tests:
        say(styled(f"the new tests fail on the packages of {channel}:", fg="yellow"), err=True)
        _say_excuses(outcome.failed_tests)
    return int(outcome.is_failure)


def _say_excuses(excuses: Iterable[Mapping[str, Any]]) -> None:
    """Print why each package is held back, and the line of the log that says what failed."""
    said = ((excuse["package"], excuse["reason"], excuse.get("line", "")) for excuse in excuses)
    for package, reason, line in dict.fromkeys(said):
        say(f"  {package}: {reason}" if package else f"  {reason}", err=True)
        if line and line not in reason:
            say(f"    {line}", err=True)


_AT_WORK = ("leased", "running")


@contextlib.contextmanager
def board() -> Iterator[Callable[[Sequence[JobWire], int, int], None]]:
    """Yield a function that shows jobs, and how many of them have ended; on a terminal, in place."""
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
