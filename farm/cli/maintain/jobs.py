"""`farm jobs`, `farm log`, `farm cancel` and `farm retry`: the builds and tests of a farm, and decisions about them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from farm.cli.name_completion import recipe_names
from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, tell_table
from farm.cli.remote import connect, number_type, reason_option, why_option
from farm.cli.settings import Settings
from farm.core.names.actor_name import token_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from farm.api.farm_client import FarmClient
    from farm.api.wire import AttemptWire, JobPage, JobRequestWire, JobWire
    from farm.cli.output import Line

UNFINISHED = ("waiting", "blocked", "ready", "leased", "running", "set-aside")
"""The states of jobs that can be cancelled."""
RETRIED = ("failed", "cancelled", "set-aside")
"""The states of jobs that can be tried again."""


@click.command()
@click.option("--state", help="List only jobs in this state: waiting, ready, running, set-aside, failed …")
@click.option("--name", help="List only jobs of this recipe.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="The most jobs to list.")
@json_option
def jobs(state: str | None, name: str | None, limit: int, as_json: bool) -> None:
    """List the builds and tests of the farm at FARM_URL, newest first.

    \b
    Example:
      farm jobs --state failed
    """

    with connect() as farm:
        page = farm.jobs(state=state, name=name, limit=limit)
        requests = farm.job_requests([job.id for job in page.jobs])
    rows = [
        (
            str(job.id),
            _kind(job),
            job.name,
            job.state,
            f"{job.changed_at:%Y-%m-%d %H:%M:%S}",
            _why(job, requests[job.id]),
        )
        for job in page.jobs
    ]
    tell_table(
        rows,
        ("JOB", "KIND", "NAME", "STATE", "SINCE (UTC)", ""),
        _form(page, requests),
        nothing="no jobs",
        as_json=as_json,
    )


@click.command()
@click.argument("what", metavar="JOB|NAME", shell_complete=recipe_names)
@click.option("--follow", "-f", is_flag=True, help="Print lines as they arrive, until the job or build has ended.")
@click.option("--error", "only_error", is_flag=True, help="Print only the first error, with the lines around it.")
@json_option
def log(what: str, follow: bool, only_error: bool, as_json: bool) -> None:
    """Print the log of the newest attempt at a JOB of the farm, and then its first error if it has failed.

    With the NAME of a recipe, prints the log of its newest build or test on this machine, which may still run.

    \b
    Examples:
      farm log 12 --follow
      farm log 12 --error
      farm log jq --follow
    """
    if what.isdecimal():
        _log_of_job(int(what), follow=follow, only_error=only_error, as_json=as_json)
    elif only_error or as_json:
        raise click.UsageError("--error and --json are for jobs of the farm: name one by its number.")
    else:
        _log_here(what, follow=follow)


def _log_here(recipe: str, *, follow: bool) -> None:
    from farm.build.local_logs import LocalLogs, lines_of
    from farm.errors import FarmError, did_you_mean

    logs = LocalLogs.below(Settings.from_environment().state)
    newest = logs.newest(recipe) or logs.newest(_recipe_that_makes(recipe))
    if newest is None:
        remedy = "`farm build` and `farm test` write logs; a job of the farm is named by its number."
        raise FarmError(
            f"there is no log of {recipe} on this machine",
            remedy=did_you_mean(recipe, logs.recipes(), remedy),
            code="no-log",
        )
    say(f"{newest}:", err=True)
    say_lines(lines_of(newest, follow=follow))


def _recipe_that_makes(package: str) -> str:
    """Return the recipe of the tree here that makes a package, as `gzip` makes `gzip-debug`; empty if none does."""
    from farm.cli.recipes_option import read_tree, scope_of
    from farm.core.lint.part_of_tree import graph_of
    from farm.errors import FarmError

    with suppress(FarmError):  # it may be called outside a tree
        tree = read_tree(None, scope_of(package))
        return graph_of(tree).recipe_of(package)
    return ""


def _log_of_job(job: int, *, follow: bool, only_error: bool, as_json: bool) -> None:
    from farm.cli.first_error_lines import first_error_lines

    with connect() as farm:
        if not (only_error or as_json):
            say_lines(map(request_line, farm.job_requests([job])[job]), err=True)
        if not only_error:
            for record in farm.follow(_newest_attempt(farm, job).id) if follow else farm.log_records(job):
                _say_record(record, as_json=as_json)
        shown = farm.job(job)
        attempts = shown.attempts
        found = farm.first_error(attempts[-1].id) if attempts else None
        if only_error and as_json:
            say_json(found.to_dict() if found else None)
        elif found and not as_json:
            address = log_address(job, attempts[-1].number, found.line)
            say_lines(first_error_lines(found, address, shown.job), err=not only_error)
        elif only_error and not as_json:
            say("no error is known of this job", err=True)


_numbers_argument = click.argument("numbers", metavar="JOB...", nargs=-1, type=number_type)
_submission_option = click.option(
    "--submission", type=number_type, help="Also all jobs of this submission for which it makes sense."
)


@click.command()
@_numbers_argument
@_submission_option
@why_option
@json_option
def cancel(numbers: tuple[int, ...], submission: int | None, why: str, as_json: bool) -> int:
    """Cancel jobs that have not ended: your own, or as a curator anybody's.

    The worker of a running job stops within seconds. Jobs that need what it builds are blocked until it is retried.
    Exits with status 1 when one of the jobs cannot be cancelled; the others are.

    \b
    Examples:
      farm cancel 12 --why "the wrong branch"
      farm cancel --submission 4 --why "a better one follows"
    """
    if not why.strip():
        raise click.UsageError("Give a reason with --why: others will read it.")
    return _decide(_cancel, numbers, submission, why, as_json=as_json, states=UNFINISHED)


@click.command()
@_numbers_argument
@_submission_option
@reason_option
@json_option
def retry(numbers: tuple[int, ...], submission: int | None, why: str, as_json: bool) -> int:
    """Try jobs again that failed, were cancelled or were set aside: your own, or as a curator anybody's.

    A failed job is repeated as a new job; a rebuild goes to a worker that has not built it yet. Exits with status 1
    when one of the jobs cannot be tried again; the others are.

    \b
    Examples:
      farm retry 12
      farm retry 12 15 --why "the mirror was down" --json
    """
    return _decide(_retry, numbers, submission, why, as_json=as_json, states=RETRIED)


def _cancel(farm: FarmClient, number: int, why: str) -> tuple[JobWire, dict[str, Any], str]:
    job = farm.cancel(number, why=why)
    return job, {}, f"job {number} is cancelled: {_kind(job)} of {job.name}"


def _retry(farm: FarmClient, number: int, why: str) -> tuple[JobWire, dict[str, Any], str]:
    job = farm.retry(number, why=why)
    return job, {"retries": number}, f"job {number} is tried again: {_kind(job)} of {job.name} as job {job.id}"


def _decide(
    act: Callable[[FarmClient, int, str], tuple[JobWire, dict[str, Any], str]],
    numbers: tuple[int, ...],
    submission: int | None,
    why: str,
    *,
    as_json: bool,
    states: Collection[str],
) -> int:
    """Cancel or retry each job, and print the result; those of a submission only in these states."""
    from farm.api.errors import RefusedRequestError
    from farm.cli.rendering import say_error

    if not (numbers or submission):
        raise click.UsageError("Name jobs, or a submission with --submission.")
    done, refused = [], 0
    with connect() as farm:
        for number in dict.fromkeys([*numbers, *(_of_submission(farm, submission, states) if submission else ())]):
            try:
                job, more, line = act(farm, number, why)
            except RefusedRequestError as error:
                refused += 1
                say_error(error)
                continue
            done.append(job.model_dump(mode="json") | more)
            if not as_json:
                say(line)
    if as_json:
        say_json({"jobs": done})
    elif not (done or refused):
        say(f"submission {submission} has no such job", err=True)
    return int(refused > 0)


def _of_submission(farm: FarmClient, submission: int, states: Collection[str]) -> list[int]:
    """Return the newest job of each recipe of a submission, where it is in one of these states."""
    newest: dict[tuple[str, bool, str], JobWire] = {}
    for job in farm.submission_jobs(submission):
        newest.setdefault((job.kind, job.rebuild, job.name), job)
    return sorted(job.id for job in newest.values() if job.state in states)


def _kind(job: JobWire) -> str:
    return "rebuild" if job.rebuild else job.kind


def _say_record(record: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(record, indent=None)
    else:
        say(f"{record['step']:<12} {record['text']}")


def request_line(request: JobRequestWire) -> str:
    """Return who has cancelled or retried a job, when and why, in a line."""
    what = f"job {request.job} cancelled" if request.act == "cancel" else f"job {request.job} retried"
    made = f" as job {request.made}" if request.made not in (None, request.job) else ""
    who = token_name(request.by)
    return f"{what}{made} by {who} at {request.at:%Y-%m-%d %H:%M} UTC: {request.why or 'no reason given'}"


def _form(page: JobPage, requests: Mapping[int, Sequence[JobRequestWire]]) -> dict[str, Any]:
    """Return jobs as JSON values, each with the requests of people about it if there are any."""
    form = page.model_dump(mode="json")
    for job in form["jobs"]:
        if about := requests[job["id"]]:
            job["requests"] = [request.model_dump(mode="json") for request in about]
    return form


def _why(job: JobWire, requests: Sequence[JobRequestWire]) -> str:
    """Return in a line what went wrong with a job and when it is retried, or why it was retried; else its build."""
    if job.same_as:
        return f"{job.version}: same files as {job.same_as}, dropped"
    why = job.error.partition("\n")[0]
    if not why and requests:
        why = request_line(requests[-1])
    why = why or job.version
    return f"again at {job.not_before:%H:%M:%S}: {why}" if job.not_before else why


def log_address(job: int, attempt: int, line: int) -> str:
    """Return the address of a line of a log on the farm at FARM_URL."""
    return f"{Settings.from_environment().url}/jobs/{job}?attempt={attempt}&line={line}#L{line}"


def error_of_job(farm: FarmClient, job: int) -> Iterator[Line]:
    """Yield the first error of a job's newest attempt, for people; nothing if none is known."""
    from farm.cli.first_error_lines import first_error_lines

    shown = farm.job(job)
    attempts = shown.attempts
    if attempts and (found := farm.first_error(attempts[-1].id)):
        yield from first_error_lines(found, log_address(job, attempts[-1].number, found.line), shown.job)


def _newest_attempt(farm: FarmClient, job: int) -> AttemptWire:
    from farm.errors import FarmError

    attempts = farm.job(job).attempts
    if not attempts:
        raise FarmError(f"no worker has begun job {job} yet", remedy="Wait for a worker, or look at `farm jobs`.")
    return attempts[-1]
