"""`farm keys ledger`: the ledger of the signer, each entry checked against the one before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.remote import clock
from farm.signing import entries
from farm.signing.entries import OrderTaken, Released, Signing
from farm.signing.in_force import in_force, order_form
from farm.signing.ledger import LedgerReader, Line
from farm.signing.state import LedgerState
from farm.trust.attestation.curator_order import Act, order_statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.core.names.digest import Digest


@click.command("ledger")
@click.argument("directory", metavar="DIRECTORY", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--now", is_flag=True, help="Show what is in force now, instead of the entries.")
@json_option
def ledger(directory: Path, now: bool, as_json: bool) -> None:
    """List the entries of the signer's ledger in DIRECTORY, after checking them.

    Entries are signatures, orders, reports, and the trusted root. A ledger that was changed is refused, with the first
    entry that is wrong; so is one that ends before the entry recorded in ledger.state, every 500 entries. Changes
    nothing, and does not need a running farm.

    \b
    Examples:
      farm keys ledger /srv/farm/ledger
      farm keys ledger /srv/farm/ledger --now
    """
    reader = LedgerReader(directory)
    lines = list(reader.lines())
    if reader.torn:
        torn = (
            f"there is half a line after entry {len(lines)}: it was left by a signer that was killed, whose next start"
        )
        say(f"{torn} removes it; or a running signer is just writing it", err=True)
    if now:
        _tell_now(lines, as_json=as_json)
    else:
        _tell_entries(lines, as_json=as_json)


def _tell_entries(lines: Sequence[Line], *, as_json: bool) -> None:

    came = dict(_outcomes(lines))
    rows = [
        (str(line.number), f"{line.at:%Y-%m-%d %H:%M}", line.entry.kind, _entry_in_words(line, came)) for line in lines
    ]
    tell_table(
        rows,
        ("ENTRY", "AT (UTC)", "KIND", "WHAT"),
        [_form(line, came) for line in lines],
        nothing="the ledger is empty",
        as_json=as_json,
    )


def _outcomes(lines: Sequence[Line]) -> Iterator[tuple[Digest, tuple[str, str]]]:
    """Yield the outcome of orders, by their digests: `used-by` a release, or `withdrawn-by` a person."""
    orders = {line.entry.order.digest: line.entry.order for line in lines if isinstance(line.entry, OrderTaken)}
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
    state = LedgerState()
    for line in lines:
        state = state.after(line.entry, line.at)
    form = in_force(state, datetime.now(UTC))
    rows = list(_rows_now(form))
    tell_table(rows, ("IN FORCE", "WHAT"), form, nothing="the ledger is empty", as_json=as_json)


def _rows_now(form: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if root := form["root"]:
        yield "root", f"version {root['version']}, {root['digest']}"
    if form["targets"]:
        yield "targets", f"version {form['targets']}"
    for release in form["releases"]:
        yield "release", f"{release['release-number']} of {release['channel']}, {release['release']}"
    for kind, key in (("freeze", "freezes"), ("hold", "holds"), ("order", "orders"), ("withdrawn", "withdrawn-orders")):
        for order in form[key]:
            yield kind, _order_in_words(order)
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
    """Return an order in a line: every value that a decision depends on, and its digest."""
    words = [
        form["act"].replace("-", " "),
        str(form.get("number", "")),
        *(name if digest is None else f"{name} ({digest})" for name, digest in form.get("packages", {}).items()),
        form.get("target", ""),
        f"from {form['from']}" if "from" in form else "",
        f"on {form['channel']} by {form['curator']}",
        f"until {clock(form['until'])}" if "until" in form else "",
    ]
    why = f": {form['reason']}" if "reason" in form else ""
    return f"{' '.join(filter(None, words))}{why} (order {form['order']}, expires {clock(form['expires'])})"


def _form(line: Line, came: Mapping[Digest, tuple[str, str]]) -> dict[str, Any]:
    form = {"number": line.number, "at": line.at.isoformat(), "kind": line.entry.kind, "previous": line.previous}
    form |= line.entry.to_dict()
    if isinstance(line.entry, OrderTaken):
        digest = line.entry.order.digest
        form |= {"order": digest, "statement": order_statement(line.entry.order)}
        if digest in came:
            what, by = came[digest]
            form[what] = by
    return form


def _entry_in_words(line: Line, came: Mapping[Digest, tuple[str, str]]) -> str:
    """Return an entry in a few words."""
    text = ""
    match line.entry:
        case entries.RootPinned(version, digest):
            text = f"root version {version}, {digest}"
        case entries.TargetsSeen(version, _):
            text = f"targets version {version}"
        case entries.ChannelSeen(channel, number, release, _):
            text = f"{channel} has release {number}, {release}" if release else f"{channel} has no release"
        case entries.OrderTaken(order=order):
            outcome = ", " + " ".join(came[order.digest]).replace("-", " ") if order.digest in came else ""
            text = _order_in_words(order_form(order)) + outcome
        case entries.ReportOpened():
            text = f"report {_report_in_words(line.entry.to_dict())}"
        case entries.Signing(channel, number, release):
            uses = f", by order {', '.join(line.entry.orders)}" if line.entry.orders else ""
            text = f"release {number} of {channel}, {release}{uses}"
        case entries.Released(channel, release):
            text = f"{channel}, {release}"
    return text
