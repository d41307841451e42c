"""`farm submit`: send recipes to a farm, and follow their builds and release."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from farm.cli.maintain.preview import follow_preview, preview_lines, read_previewed
from farm.cli.maintain.signed_recipes import digests_of, distribution_of, sign_digests, waiting_lines
from farm.cli.maintain.submission_progress import submitting
from farm.cli.output import console, say, say_json, say_lines, styled
from farm.cli.personal_key import find_own_key, own_key_options
from farm.cli.remote import connect, number_type
from farm.cli.settings import Settings
from farm.core.names.escaping import escape_control_chars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.api.farm_client import FarmClient
    from farm.api.submission_wire import AcceptedWire, FindingWire, SubmissionWire
    from farm.api.wire import JobWire
    from farm.cli.personal_key import OwnKey
    from farm.core.lint.finding import LintFinding


_ENDED = ("succeeded", "failed", "cancelled", "blocked", "set-aside")
_POLL_SECONDS = 0.5
_WAITS = 3
"""The exit status while the submission waits for a person."""


@click.command()
@click.argument("directories", nargs=-1, type=click.Path(path_type=Path, file_okay=False))
@click.option("--wait", is_flag=True, help="Wait until all builds have ended; with --preview, for its verdict.")
@click.option(
    "--release", "channel", metavar="CHANNEL", help="Wait until CHANNEL has released or refused the packages."
)
@click.option("--preview", is_flag=True, help="Only build and test them, with their dependents: nothing is released.")
@click.option("--ref", metavar="COMMIT", help="With --preview: the directories as git has them at COMMIT.")
@click.option(
    "--patch",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --preview: the farm's own recipes with this patch, in place of directories.",
)
@click.option("--replace", metavar="NUMBER", type=number_type, help="With --preview: withdraw your preview NUMBER.")
@own_key_options
@click.option("--json", "as_json", is_flag=True, help="Print the accepted submission as JSON, and do not wait.")
def submit(
    *,
    directories: tuple[Path, ...],
    wait: bool,
    channel: str | None,
    preview: bool,
    ref: str | None,
    patch: Path | None,
    replace: int | None,
    key: Path | None,
    name: str | None,
    as_json: bool,
) -> int:
    """Submit the recipes in DIRECTORIES to a farm, all together or none.

    The farm is at FARM_URL; FARM_TOKEN has the token. The recipes are signed with your own key if you have one (`farm
    keys me`). Where recipes have owners, those that no owner has signed wait for one.

    With --preview they are built and tested apart from the farm's own, with everything that depends on them, and change
    nothing until somebody accepts them with `farm submission accept`; then the same builds are taken.

    Exits with status 1 when a build fails, when the verdict on a preview is against it, when the channel refuses or
    holds back a submitted package, when their new tests fail on the released packages, when the channel is frozen, or
    when its file has errors. With --wait or --release, exits with status 3 when the submission waits for an owner.

    \b
    Examples:
      farm submit recipes/packages/jq recipes/packages/oniguruma --release edge
      farm submit --preview --ref my-branch recipes/packages/jq --wait
    """
    settings = Settings.from_environment()
    _check_options(directories, preview=preview, others={"--ref": ref, "--patch": patch, "--replace": replace})
    if preview:
        if channel or key:
            raise click.UsageError("A preview is neither released nor signed: leave out --release and --key.")
        return _submit_preview(
            settings, directories, ref=ref, patch=patch, replaces=replace, wait=wait, as_json=as_json
        )

    return _submit(settings, directories, key=key, name=name, wait=wait, channel=channel, as_json=as_json)


def _submit(
    settings: Settings,
    directories: tuple[Path, ...],
    *,
    key: Path | None,
    name: str | None,
    wait: bool,
    channel: str | None,
    as_json: bool,
) -> int:
    from farm.build.recipe_directory import read_recipe_directories

    recipes = read_recipe_directories(directories)
    own = find_own_key(settings, key, name)
    envelope = sign_digests(digests_of(recipes), distribution_of(settings, directories), own) if own else None
    with connect() as farm:
        with submitting() as report:
            taken = farm.submit(recipes, envelope=envelope, warnings=True, report=report)
        if as_json:
            say_json(taken.model_dump(mode="json"))
            return 0
        _say_warnings(taken)
        if own:
            say(_signed(own, taken), err=True)
        if taken.waits_for:
            say_lines(waiting_lines(taken))
            say(f"submission {taken.id}: {settings.submission_page(taken.id)}", err=True)
            return _WAITS if wait or channel else 0
        for accepted in taken.accepted:
            say(f"{accepted.name}: {_result(accepted)}")
        say(f"submission {taken.id}: {settings.submission_page(taken.id)}", err=wait or bool(channel))
        submitted = {accepted.name: accepted.job.id for accepted in taken.accepted}
        if (wait or channel) and _follow_builds(farm, list(submitted.values())):
            return 1
        return _follow_channel(farm, channel, submitted) if channel else 0


def _check_options(directories: tuple[Path, ...], *, preview: bool, others: Mapping[str, object]) -> None:
    given = [name for name, value in others.items() if value is not None]
    if given and not preview:
        raise click.UsageError(f"{', '.join(given)} is for --preview.")
    if "--patch" in given and (directories or "--ref" in given):
        raise click.UsageError("A patch is applied to the farm's own recipes: leave out DIRECTORIES and --ref.")
    if not directories and "--patch" not in given:
        raise click.UsageError("Missing argument 'DIRECTORIES...'.")
    if "--ref" not in given and (missing := next((path for path in directories if not path.is_dir()), None)):
        raise click.BadParameter(f"Directory '{missing}' does not exist.", param_hint="'[DIRECTORIES]...'")


def _submit_preview(
    settings: Settings,
    directories: tuple[Path, ...],
    *,
    ref: str | None,
    patch: Path | None,
    replaces: int | None,
    wait: bool,
    as_json: bool,
) -> int:
    from farm.api.submission_wire import LONGEST_ORIGIN, PreviewRequest

    with connect() as farm:
        recipes, origin = read_previewed(farm, directories, patch=patch, ref=ref)
        asked = PreviewRequest(origin=origin[:LONGEST_ORIGIN], replaces=replaces)
        with submitting() as report:
            made = farm.submit(recipes, preview=asked, warnings=True, report=report)
        if as_json:
            say_json(made.model_dump(mode="json"))
            return 0
        _say_warnings(made)
        say_lines(preview_lines(made, settings))
        return follow_preview(farm, made.id) if wait else 0


def _signed(own: OwnKey, taken: SubmissionWire) -> str:
    if taken.signed_by:
        return f"signed as {taken.signed_by}"
    return f"signed as {own.name} with {own.path}; the farm does not know this key: taken as unsigned"


def _say_warnings(taken: SubmissionWire) -> None:
    for warning in taken.warnings:
        say(_finding(warning).in_a_line(), err=True)


def _finding(warning: FindingWire) -> LintFinding:
    from farm.core.files.problems import Problem
    from farm.core.lint.finding import LintFinding, Severity
    from farm.errors import Place

    place = Place(warning.file, warning.line, warning.column)
    problem = Problem(place, warning.message, warning.remedy)
    return LintFinding(warning.code, warning.name, Severity(warning.severity), problem, warning.check)


def _result(accepted: AcceptedWire) -> str:
    job = accepted.job
    if accepted.unchanged or job.answered_by is None:
        return f"{'unchanged, ' if accepted.unchanged else ''}job {job.id}"
    return f"job {job.id}, built already by job {job.answered_by}: its tests run on that build"


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
