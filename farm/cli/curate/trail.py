"""`farm channel trail`: the audit trail of a farm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.remote import clock, connect, in_brief, number_type, since_option

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.option("--channel", default="", help="Show only entries about this channel.")
@since_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="The most entries to show.")
@click.option("--before", type=number_type, help="Show only entries below this number.")
@json_option
def trail(channel: str, since: datetime | None, limit: int, before: int | None, as_json: bool) -> None:
    """Show the audit trail: who did what, and which requests were refused, newest first.

    Needs the token of a curator.

    \b
    Example:
      farm channel trail --channel stable --since 7d
    """
    with connect() as farm:
        page = farm.trail(channel=channel, since=since, before=before, limit=limit)
    rows = [
        (
            str(entry["number"]),
            clock(entry["at"]),
            entry["by"] or "-",
            entry["action"] if entry["allowed"] else f"refused: {entry['action']}",
            in_brief(entry["subject"]),
            in_brief(entry["detail"]),
        )
        for entry in page["trail"]
    ]
    tell_table(rows, ("LINE", "AT (UTC)", "BY", "WHAT", "ABOUT", ""), page, nothing="no entries", as_json=as_json)
    if page["next-before"] and not as_json:
        say(f"older entries: farm channel trail --before {page['next-before']}", err=True)
