"""`farm channel excuses`: the packages held back from channels, with the reasons."""

from __future__ import annotations

import click

from farm.cli.excuse_lines import excuse_blocks
from farm.cli.options import json_option
from farm.cli.output import tell_result
from farm.cli.remote import connect


@click.command()
@click.argument("channel", required=False)
@click.option("--cleared", is_flag=True, help="Include those that were cleared, newest first.")
@json_option
def excuses(channel: str | None, cleared: bool, as_json: bool) -> None:
    """Show the packages that are held back from CHANNEL, why, since when, and what would clear it.

    Without CHANNEL, shows those of all channels.

    \b
    Example:
      farm channel excuses edge
    """
    with connect() as farm:
        names = [channel] if channel else [status["channel"] for status in farm.channels()]
        found = [excuse for name in names for excuse in farm.excuses(name, cleared=cleared)]
    tell_result(excuse_blocks(found) if found else ["nothing is held back"], found, as_json=as_json)
