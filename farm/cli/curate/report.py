"""`farm channel report`: problems of packages of a channel; a package does not soak while a report on it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import tell_result, tell_table
from farm.cli.remote import clock, connect, number_type
from farm.cli.sign_order import can_sign, sign_act, tell_done, tell_signed
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.api.curator_client import CuratorClient


@click.command()
@click.argument("channel", required=False)
@click.argument("package", required=False)
@click.option("--why", default="", help="The problem.")
@click.option(
    "--resolve",
    type=number_type,
    multiple=True,
    metavar="NUMBER",
    help="Close the report of this number; may be repeated.",
)
@click.option(
    "--descriptor",
    multiple=True,
    metavar="DIGEST",
    help="With CHANNEL, for each --resolve the package: close a report that only the signer has.",
)
@json_option
def report(
    channel: str | None,
    package: str | None,
    why: str,
    resolve: tuple[int, ...],
    descriptor: tuple[str, ...],
    as_json: bool,
) -> int:
    """Report a problem of PACKAGE in CHANNEL, list the open reports of CHANNEL, or close reports.

    A package with an open report does not pass the gate `soak`.

    \b
    Examples:
      farm channel report edge jq --why "segfaults on []"
      farm channel report edge
      farm channel report --resolve 3 --resolve 4
    """
    if descriptor:
        if len(resolve) != len(descriptor) or channel is None or package or why:
            raise click.UsageError("--descriptor takes CHANNEL, one --descriptor for each --resolve, and nothing else.")
        return _close_with_signer(channel, list(zip(resolve, descriptor, strict=True)), as_json=as_json)
    if resolve:
        if channel or why:
            raise click.UsageError("--resolve takes a number, and nothing else.")
        return _close(resolve, as_json=as_json)
    if channel is None:
        raise click.UsageError(
            "Missing argument 'CHANNEL': farm channel report CHANNEL, or farm channel report CHANNEL PACKAGE --why …"
        )
    if package is None:
        _show_reports(channel, as_json)
        return 0
    if not why.strip():
        raise click.UsageError("Missing option '--why'.")
    with connect() as farm:
        answer = farm.report(channel, package, why=why)
    line = f"report {answer['id']}: {answer['package']} {answer['version']} on {answer['channel']}"
    tell_result([line], answer, as_json=as_json)
    return 0


def _close(numbers: Sequence[int], *, as_json: bool) -> int:
    closed: list[dict[str, Any]] = []
    with connect() as farm:
        try:
            for number in numbers:
                closed.append(farm.resolve(number, envelope=_sign_closing(farm, number)))  # noqa: PERF401
        finally:
            # If one of several cannot be closed, those before it are closed.
            status = tell_signed(farm, *closed)
            lines = [
                f"report {report['id']} is closed: {report['package']} {report['version']} on {report['channel']}"
                for report in closed
            ]
            if closed and status == 0:
                tell_result(lines, closed[0] if len(numbers) == 1 else closed, as_json=as_json)
    return status


def _close_with_signer(channel: str, wanted: Sequence[tuple[int, str]], *, as_json: bool) -> int:
    targets = [(number, Digest(descriptor)) for number, descriptor in wanted]
    answers = []
    with connect() as farm:
        for number, target in targets:
            envelope = sign_act(farm, "close-report", channel, target=target, number=number)
            answers.append(farm.close_with_signer(channel, number, target, envelope=envelope))
        lines = [f"report {number} on {channel} is closed with the signer: {target}" for number, target in targets]
        return tell_done(farm, lines, *answers, as_json=as_json)


def _sign_closing(farm: CuratorClient, number: int) -> bytes | None:
    """Return the signed order that closes a report; None without a key or such a report: the farm refuses that."""
    if not can_sign():
        return None
    for channel in farm.channels():
        for report in farm.reports(channel["channel"], before=number + 1, limit=1):
            if report["id"] == number and "descriptor" in report:
                target = Digest(report["descriptor"])
                return sign_act(farm, "close-report", report["channel"], target=target, number=number)
    return None


def _show_reports(channel: str, as_json: bool) -> None:
    with connect() as farm:
        found = farm.reports(channel)
    rows = [
        (
            str(report["id"]),
            f"{report['package']} {report['version']}",
            clock(report["at"]),
            report["by"],
            report["why"],
        )
        for report in found
    ]
    headings = ("REPORT", "PACKAGE", "SINCE (UTC)", "BY", "PROBLEM")
    tell_table(rows, headings, found, nothing=f"no open reports on {channel}", as_json=as_json)
