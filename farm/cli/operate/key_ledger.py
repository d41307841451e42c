"""`farm keys ledger`: what the signer has written down, each entry checked against the one before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table
from farm.cli.remote import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.signing.ledger import Line


@click.command("ledger")
@click.argument("directory", metavar="DIRECTORY", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--now", is_flag=True, help="What is in force now, instead of how that came about.")
@json_option
def ledger(directory: Path, now: bool, as_json: bool) -> None:
    """List the signer's ledger in DIRECTORY: what was signed, ordered, reported, and which root it trusts.

    Every entry is read and checked: a ledger that was changed is refused, with the entry where that begins; and one
    that was cut short before the entry that ledger.state has counted to, which it does every 500 entries. It needs no
    farm that runs, and changes nothing.

    \b
    Example:
      farm keys ledger /srv/farm/ledger
      farm keys ledger /srv/farm/ledger --now
    """
    from farm.signing.ledger import LedgerReader

    reader = LedgerReader(directory)
    lines = list(reader.lines())
    if reader.torn:
        told = f"half a line comes after entry {len(lines)}: a signer that was killed leaves that, and its next start"
        say(f"{told} removes it; if the signer runs, it is just being written", err=True)
    if now:
        _tell_now(lines, as_json=as_json)
    else:
        _tell_entries(lines, as_json=as_json)


def _tell_entries(lines: Sequence[Line], *, as_json: bool) -> None:

    came = dict(_came_of(lines))
    if as_json:
        say_json([_form(line, came) for line in lines])
        return
    rows = [(str(line.number), f"{line.at:%Y-%m-%d %H:%M}", line.entry.kind, _told(line, came)) for line in lines]
    say_lines(table(rows, ("ENTRY", "AT (UTC)", "KIND", "WHAT")) if rows else ["the ledger is empty"])


def _came_of(lines: Sequence[Line]) -> Iterator[tuple[Digest, tuple[str, str]]]:
    """Give what came of orders, by their digests: `used-by` a release, or `withdrawn-by` a person."""
    from farm.signing.entries import OrderTaken, Released, Signing
    from farm.trust.attestation.curator_order import Act

    orders = {each.entry.order.digest: each.entry.order for each in lines if isinstance(each.entry, OrderTaken)}
    for order in orders.values():
        ended = orders.get(order.target) if order.act is Act.WITHDRAW_ORDER and order.target else None
        if ended is not None and ended.channel == order.channel:
            yield ended.digest, ("withdrawn-by", order.curator)
    coming: dict[str, Signing] = {}
    for line in lines:
        if isinstance(line.entry, Signing):
            coming[line.entry.channel] = line.entry
        elif isinstance(line.entry, Released):
            signing = coming.get(line.entry.channel)
            if signing is not None and signing.release == line.entry.release:
                yield from ((order, ("used-by", signing.release)) for order in signing.orders)


def _tell_now(lines: Sequence[Line], *, as_json: bool) -> None:
    from farm.signing.in_force import in_force
    from farm.signing.state import LedgerState

    state = LedgerState()
    for line in lines:
        state = state.after(line.entry, line.at)
    form = in_force(state, datetime.now(UTC))
    if as_json:
        say_json(form)
        return
    rows = list(_rows_now(form))
    say_lines(table(rows, ("IN FORCE", "WHAT")) if rows else ["the ledger is empty"])


def _rows_now(form: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if root := form["root"]:
        yield "root", f"version {root['version']}, {root['digest']}"
    if form["targets"]:
        yield "targets", f"version {form['targets']}"
    for release in form["releases"]:
        yield "release", f"{release['release-number']} of {release['channel']}, {release['release']}"
    for kind, key in (("freeze", "freezes"), ("hold", "holds"), ("order", "orders"), ("withdrawn", "withdrawn-orders")):
        for each in form[key]:
            yield kind, _order_in_words(each)
    for report in form["reports"]:
        yield "report", _report_in_words(report)
    for approval in form["withdrawn-approvals"]:
        up_to = f"up to {clock(approval['at'])} of {approval['package']} on {approval['channel']}"
        yield "withdrawn", f"approvals by {approval['curator']} {up_to} (order {approval['order']})"
    for statement in form["withdrawn-statements"]:
        yield "withdrawn", f"what was signed of recipes in {statement['statement']}, by {statement['curator']}"


def _report_in_words(form: Mapping[str, Any]) -> str:
    return f"{form['report']} on {form['channel']}, {form['label']}, {form['package']}: {form['reason']}"


def _order_in_words(form: Mapping[str, Any]) -> str:
    """Say all that decides about an order, and by which name it is known."""
    told = [form["act"].replace("-", " ")]
    told += [str(form["number"])] if "number" in form else []
    told += [name if digest is None else f"{name} ({digest})" for name, digest in form.get("packages", {}).items()]
    told += [form["target"]] if "target" in form else []
    told += [f"from {form['from']}"] if "from" in form else []
    told += [f"on {form['channel']} by {form['curator']}"]
    told += [f"until {clock(form['until'])}"] if "until" in form else []
    why = f": {form['reason']}" if "reason" in form else ""
    return f"{' '.join(told)}{why} (order {form['order']}, expires {clock(form['expires'])})"


def _form(line: Line, came: Mapping[Digest, tuple[str, str]]) -> dict[str, Any]:
    from farm.signing.entries import OrderTaken
    from farm.trust.attestation.curator_order import order_statement

    form = {"number": line.number, "at": line.at.isoformat(), "kind": line.entry.kind, "previous": line.previous}
    form |= line.entry.to_dict()
    if isinstance(line.entry, OrderTaken):
        digest = line.entry.order.digest
        form |= {"order": digest, "statement": order_statement(line.entry.order)}
        if digest in came:
            what, by = came[digest]
            form[what] = by
    return form


def _told(line: Line, came: Mapping[Digest, tuple[str, str]]) -> str:
    """Say in a few words what an entry is about."""
    from farm.signing import entries
    from farm.signing.in_force import order_form

    told = ""
    match line.entry:
        case entries.RootPinned(version, digest):
            told = f"root version {version}, {digest}"
        case entries.TargetsSeen(version, _):
            told = f"targets version {version}"
        case entries.ChannelSeen(channel, number, release, _):
            told = f"{channel} has release {number}, {release}" if release else f"{channel} has no release"
        case entries.OrderTaken(order, _):
            told = _order_in_words(order_form(order))
            if order.digest in came:
                told += ", " + " ".join(came[order.digest]).replace("-", " ")
        case entries.ReportOpened():
            told = f"report {_report_in_words(line.entry.to_dict())}"
        case entries.Signing(channel, number, release):
            uses = f", by order {', '.join(line.entry.orders)}" if line.entry.orders else ""
            told = f"release {number} of {channel}, {release}{uses}"
        case entries.Released(channel, release):
            told = f"{channel}, {release}"
    return told
