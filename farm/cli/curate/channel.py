"""`farm channel`: the state of channels; each of its other verbs has its own file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.channel_lines import halted_lines, trouble_lines, unsigned_lines
from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import Line, styled, tell_result
from farm.cli.remote import clock, connect, in_brief, until_text
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group(cls=VerbGroup, below="channel")
def channel() -> None:
    """Show the channels of the farm at FARM_URL, and order what a channel publishes."""


@channel.command("show")
@click.argument("name", required=False)
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show the state of channel NAME, or of all channels.

    That is the newest release, freezes, holds, orders, the pending candidate, and the packages that are held back.

    \b
    Example:
      farm channel show edge
    """
    with connect() as farm:
        found = [farm.channel(name)] if name else farm.channels()
    tell_result((line for status in found for line in _lines(status)), found, as_json=as_json)


def _lines(status: dict[str, Any]) -> Iterator[Line]:
    from farm.cli.curate.candidate import gate_lines
    from farm.cli.excuse_lines import excuse_blocks

    newest, candidate, frozen = status["newest"], status["candidate"], status["frozen"]
    released = f"release {newest['number']} of {clock(newest['released-at'])}" if newest else "no release yet"
    if newest:
        released += f", {counted(newest['packages'], 'package')}"
    yield styled(status["channel"], bold=True) + f": {released}"
    for lines in (trouble_lines, halted_lines, unsigned_lines):
        yield from ("  " + line for line in lines(status["channel"], status))
    for unfollowed in status["unfollowed"]:
        since = f"since {clock(unfollowed['since'])}, and its updates do not arrive: {unfollowed['why']}"
        yield f"  {unfollowed['distribution']} " + styled("cannot be followed", fg="red") + f" {since}"
    if frozen:
        reason = f"by {frozen['by']}: {frozen['why']}"
        yield "  " + styled("frozen", fg="cyan") + f"{until_text(frozen['until'])} {reason}"
    for held in status["held"]:
        yield f"  {held['package']} is held{until_text(held['until'])} by {held['by']}: {held['why']}"
    for order in status["orders"]:
        yield f"  order {order['id']} of {order['ordered-by']} is pending: {order['summary']}"
    yield from ("  " + line for line in _undelivered_lines(status))
    if candidate:
        outcome = f", {in_brief(candidate['reason'])}" if candidate["reason"] else ""
        yield f"  candidate {candidate['id']} of {candidate['source']} is {candidate['state']}{outcome}"
        yield from ("  " + line for line in gate_lines(candidate["gates"]))
        if candidate["state"] == "open" and candidate["runs"]:
            yield f"    sets tried so far: {len(candidate['runs'])}"
    if status["excuses"]:
        yield "  held back:"
        yield from excuse_blocks(status["excuses"], "    ")


def _undelivered_lines(status: dict[str, Any]) -> Iterator[Line]:
    """Yield the signed orders and the reports that the signer does not have, so that it decides without them."""
    for order in status.get("astray", ()):
        state = (
            f"was refused by the signer: {order['refused']}" if order["refused"] else "has not reached the signer yet"
        )
        yield f"{order['act'].replace('-', ' ')} that {order['curator']} has signed " + styled(state, fg="red")
    for report in status.get("reports-astray", ()):
        yield f"report {report['id']} of {report['package']} {report['version']} " + styled(
            "has not reached the signer yet", fg="red"
        )
