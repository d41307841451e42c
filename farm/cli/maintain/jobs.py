"""`farm jobs`, `farm log` and `farm retry`: what a farm builds and tests, and having it tried once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table
from farm.cli.remote import connect

if TYPE_CHECKING:
    from farm.api.farm_client import FarmClient
    from farm.api.wire import JobWire


@click.command()
@click.option("--state", help="Only jobs in this state: waiting, ready, running, set-aside, failed …")
@click.option("--name", help="Only jobs of this recipe.")
@click.option("--limit", default=30, show_default=True, help="At most so many.")
@json_option
def jobs(state: str | None, name: str | None, limit: int, as_json: bool) -> None:
    """List builds and tests of the farm at FARM_URL, newest first.

    \b
    Example:
      farm jobs --state failed
    """

    with connect() as farm:
        page = farm.jobs(state=state, name=name, limit=limit)
    if as_json:
        say_json(page.model_dump(mode="json"))
        return
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
    say_lines(table(rows, ("JOB", "KIND", "NAME", "STATE", "SINCE (UTC)", "")) if rows else ["no jobs"])


@click.command()
@click.argument("job", type=int)
@click.option("--follow", "-f", is_flag=True, help="Stay and print lines as they come, until the job has ended.")
@json_option
def log(job: int, follow: bool, as_json: bool) -> None:
    """Print the log of a job's newest attempt.

    \b
    Example:
      farm log 12 --follow
    """

    with connect() as farm:
        for record in farm.follow(_newest_attempt(farm, job)) if follow else farm.log_records(job):
            _say_record(record, as_json=as_json)


@click.command()
@click.argument("numbers", metavar="JOB...", nargs=-1, required=True, type=int)
@json_option
def retry(numbers: tuple[int, ...], as_json: bool) -> int:
    """Have builds, rebuilds and tests that failed, were cancelled or set aside tried again; failed ones as a new job.

    All that can be are; ends with status 1 when one cannot. A rebuild goes to a worker that has not built it yet.

    \b
    Example:
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
    """Say in a line what went wrong with a job and when it is tried again; else which build it is, if not a first."""
    if job.same_as:
        return f"{job.version}: same files as {job.same_as}, dropped"
    why = job.error.partition("\n")[0]
    why = why or job.version
    return f"again at {job.not_before:%H:%M:%S}: {why}" if job.not_before else why


def _newest_attempt(farm: FarmClient, job: int) -> int:
    from farm.errors import FarmError

    attempts = farm.job(job).attempts
    if not attempts:
        raise FarmError(f"nobody has begun job {job} yet", remedy="Wait for a worker, or look at `farm jobs`.")
    return attempts[-1].id
