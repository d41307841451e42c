"""`farm channel trail`: who decided what on the farm, and what was refused."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table
from farm.cli.remote import clock, connect, in_brief, number_type, read_since


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    try:
        return read_since(value, datetime.now(UTC)) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command()
@click.option("--channel", default="", help="Only what is about this channel.")
@click.option("--since", callback=_since, help="Only what happened since: 3d, 12h, or a date such as 2026-11-24.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many lines.")
@click.option("--before", type=number_type, help="Only lines with a lower number.")
@json_option
def trail(channel: str, since: datetime | None, limit: int, before: int | None, as_json: bool) -> None:
    """Show the audit trail, newest first: who did what, and what was refused. Needs a token of a curator.

    \b
    Example:
      farm channel trail --channel stable --since 7d
    """

    with connect() as farm:
        page = farm.trail(channel=channel, since=since, before=before, limit=limit)
    if as_json:
        say_json(page)
        return
    rows = [
        (
            str(each["number"]),
            clock(each["at"]),
            each["by"] or "-",
            each["action"] if each["allowed"] else f"refused: {each['action']}",
            in_brief(each["subject"]),
            in_brief(each["detail"]),
        )
        for each in page["trail"]
    ]
    say_lines(table(rows, ("LINE", "AT (UTC)", "BY", "WHAT", "ABOUT", "")) if rows else ["nothing is written there"])
    if page["next-before"]:
        say(f"older lines: farm channel trail --before {page['next-before']}", err=True)
