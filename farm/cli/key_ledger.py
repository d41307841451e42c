"""`farm keys ledger`: what the signer has written down, each entry checked against the one before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.output import say_json, say_lines
from farm.cli.packages import json_option

if TYPE_CHECKING:
    from farm.ledger.ledger import Line


@click.command("ledger")
@click.argument("directory", metavar="DIRECTORY", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def ledger(directory: Path, as_json: bool) -> None:
    """List the signer's ledger in DIRECTORY: what was signed, ordered, reported, and which root it trusts.

    Every entry is read and checked: a ledger that was changed is refused, with the entry where that begins. It needs no
    farm that runs, and changes nothing.

    \b
    Example:
      farm keys ledger /srv/farm/ledger
    """
    from farm.cli.rendering import table
    from farm.ledger.ledger import LedgerReader

    lines = LedgerReader(directory).lines()
    if as_json:
        say_json([_form(each) for each in lines])
        return
    rows = [(str(each.number), f"{each.at:%Y-%m-%d %H:%M}", each.entry.kind, _told(each)) for each in lines]
    say_lines(table(rows, ("ENTRY", "AT (UTC)", "KIND", "WHAT")) if rows else ["the ledger is empty"])


def _form(line: Line) -> dict[str, Any]:
    from farm.ledger.entries import OrderTaken
    from farm.trust.curator_order import order_statement

    form = {"number": line.number, "at": line.at.isoformat(), "kind": line.entry.kind, "previous": line.previous}
    form |= line.entry.to_dict()
    if isinstance(line.entry, OrderTaken):
        form |= {"order": line.entry.order.digest, "statement": order_statement(line.entry.order)}
    return form


def _told(line: Line) -> str:
    """Say in a few words what an entry is about."""
    from farm.ledger import entries

    told = ""
    match line.entry:
        case entries.RootPinned(version, digest):
            told = f"root version {version}, {digest}"
        case entries.TargetsSeen(version, _):
            told = f"targets version {version}"
        case entries.ChannelSeen(channel, number, release, _):
            told = f"{channel} has release {number}, {release}" if release else f"{channel} has no release"
        case entries.OrderTaken(order, _):
            until = f" until {order.until:%Y-%m-%d %H:%M}" if order.until else ""
            told = f"{order.told}{until}" + (f": {order.reason}" if order.reason else "")
        case entries.ReportOpened():
            told = f"report {line.entry.report} of {line.entry.label} on {line.entry.channel}: {line.entry.reason}"
        case entries.Signing(channel, number, release):
            uses = f", by order {', '.join(line.entry.orders)}" if line.entry.orders else ""
            told = f"release {number} of {channel}, {release}{uses}"
        case entries.Released(channel, release):
            told = f"{channel}, {release}"
    return told
