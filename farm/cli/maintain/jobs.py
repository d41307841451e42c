"""`farm jobs`, `farm log` and `farm retry`: the builds and tests of a farm, their logs, and retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, tell_table
from farm.cli.remote import connect
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.api.farm_client import FarmClient
    from farm.api.wire import AttemptWire, JobWire


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
    rows = [
        (
            str(job.id),
            "rebuild" if job.rebuild else job.kind,
            job.name,
            job.state,
            f"{job.changed_at:%Y-%m-%d %H:%M:%S}",
            _why(job),
        )
        for job in page.jobs
    ]
    tell_table(
        rows,
        ("JOB", "KIND", "NAME", "STATE", "SINCE (UTC)", ""),
        page.model_dump(mode="json"),
        nothing="no jobs",
        as_json=as_json,
    )


@click.command()
@click.argument("job", type=int)
@click.option("--follow", "-f", is_flag=True, help="Print lines as they arrive, until the job has ended.")
@click.option("--error", "only_error", is_flag=True, help="Print only the first error, with the lines around it.")
@json_option
def log(job: int, follow: bool, only_error: bool, as_json: bool) -> None:
    """Print the log of the newest attempt at JOB, and then its first error if it has failed.

    \b
    Examples:
      farm log 12 --follow
      farm log 12 --error
    """
    from farm.cli.first_error_lines import first_error_lines

    with connect() as farm:
        if not only_error:
            for record in farm.follow(_newest_attempt(farm, job).id) if follow else farm.log_records(job):
                _say_record(record, as_json=as_json)
        attempts = farm.job(job).attempts
        found = farm.first_error(attempts[-1].id) if attempts else None
        if only_error and as_json:
            say_json(found.to_dict() if found else None)
        elif found and not as_json:
            say_lines(first_error_lines(found, log_address(job, attempts[-1].number, found.line)), err=not only_error)
        elif only_error and not as_json:
            say("no error is known of this job", err=True)


@click.command()
@click.argument("numbers", metavar="JOB...", nargs=-1, required=True, type=int)
@json_option
def retry(numbers: tuple[int, ...], as_json: bool) -> int:
    """Try jobs again that failed, were cancelled or were set aside.

    A failed job is repeated as a new job; a rebuild goes to a worker that has not built it yet. Exits with status 1
    when one of the jobs cannot be tried again; the others are.

    \b
    Examples:
      farm retry 12
      farm retry 12 15 --json
    """
    from farm.api.errors import RefusedRequestError
    from farm.cli.rendering import say_error

    made, refused = [], 0
    with connect() as farm:
        for number in numbers:
            try:
                job = farm.retry(number)
            except RefusedRequestError as error:
                refused += 1
                say_error(error)
                continue
            made.append(job.model_dump(mode="json") | {"retries": number})
            if not as_json:
                kind = "rebuild" if job.rebuild else job.kind
                say(f"job {number} is tried again: {kind} of {job.name} as job {job.id}")
    if as_json:
        say_json({"jobs": made})
    return int(refused > 0)


def _say_record(record: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(record, indent=None)
    else:
        say(f"{record['step']:<12} {record['text']}")


def _why(job: JobWire) -> str:
    """Return in a line what went wrong with a job and when it is retried; otherwise its build, if not the first."""
    if job.same_as:
        return f"{job.version}: same files as {job.same_as}, dropped"
    why = job.error.partition("\n")[0]
    why = why or job.version
    return f"again at {job.not_before:%H:%M:%S}: {why}" if job.not_before else why


def log_address(job: int, attempt: int, line: int) -> str:
    """Return the address of a line of a log on the farm at FARM_URL."""
    return f"{Settings.from_environment().url.rstrip('/')}/jobs/{job}?attempt={attempt}&line={line}#L{line}"


def _newest_attempt(farm: FarmClient, job: int) -> AttemptWire:
    from farm.errors import FarmError

    attempts = farm.job(job).attempts
    if not attempts:
        raise FarmError(f"no worker has begun job {job} yet", remedy="Wait for a worker, or look at `farm jobs`.")
    return attempts[-1]
