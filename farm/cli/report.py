"""`farm report`: trouble with a package of a channel; it does not soak while the report is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.curating import clock, curator, number_type
from farm.cli.output import say_json, say_lines
from farm.cli.packages import json_option
from farm.cli.result import tell_result
from farm.cli.signed_acts import can_sign, sign_act, tell_signed

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient


@click.command()
@click.argument("channel", required=False)
@click.argument("package", required=False)
@click.option("--why", default="", help="What is wrong.")
@click.option("--resolve", type=number_type, metavar="NUMBER", help="Close the report of this number.")
@click.option("--descriptor", metavar="DIGEST", help="With CHANNEL and --resolve: close one that only the signer has.")
@json_option
def report(
    channel: str | None, package: str | None, why: str, resolve: int | None, descriptor: str | None, as_json: bool
) -> int:
    """Report trouble with PACKAGE of CHANNEL, list the open reports of CHANNEL, or close one.

    \b
    Example:
      farm report edge jq --why "segfaults on []"
      farm report edge
      farm report --resolve 3
    """
    if descriptor is not None:
        if resolve is None or channel is None or package or why:
            raise click.UsageError("--descriptor goes with CHANNEL and --resolve, and with nothing else.")
        return _close_with_signer(channel, resolve, descriptor, as_json=as_json)
    if resolve is not None:
        if channel or why:
            raise click.UsageError("--resolve takes a number and nothing else.")
        return _close(resolve, as_json=as_json)
    if channel is None:
        raise click.UsageError("Which channel? Write farm report CHANNEL, or farm report CHANNEL PACKAGE --why TEXT.")
    if package is None:
        _show_reports(channel, as_json)
        return 0
    if not why.strip():
        raise click.UsageError("Missing option '--why'.")
    with curator() as farm:
        answer = farm.report(channel, package, why=why)
    said = f"report {answer['id']}: {answer['package']} {answer['version']} on {answer['channel']}"
    tell_result([said], answer, as_json=as_json)
    return 0


def _close(number: int, *, as_json: bool) -> int:
    with curator() as farm:
        answer = farm.resolve(number, envelope=_sign_closing(farm, number))
        status = tell_signed(farm, answer)
    said = f"report {number} is closed: {answer['package']} {answer['version']} on {answer['channel']}"
    tell_result([said], answer, as_json=as_json)
    return status


def _close_with_signer(channel: str, number: int, descriptor: str, *, as_json: bool) -> int:
    from farm.names import Digest

    target = Digest(descriptor)
    with curator() as farm:
        envelope = sign_act(farm, "close-report", channel, target=target, number=number)
        answer = farm.close_with_signer(channel, number, target, envelope=envelope)
        status = tell_signed(farm, answer)
    if status == 0:
        tell_result([f"report {number} on {channel} is closed with the signer: {target}"], answer, as_json=as_json)
    return status


def _sign_closing(farm: CuratorClient, number: int) -> bytes | None:
    """Return the signed order that closes a report; None where there is no key, or no such report: the farm says so."""
    if not can_sign():
        return None
    from farm.names import Digest

    for channel in farm.channels():
        for each in farm.reports(channel["channel"]):
            if each["id"] == number and "descriptor" in each:
                target = Digest(each["descriptor"])
                return sign_act(farm, "close-report", each["channel"], target=target, number=number)
    return None


def _show_reports(channel: str, as_json: bool) -> None:
    from farm.cli.rendering import table

    with curator() as farm:
        found = farm.reports(channel)
    if as_json:
        say_json(found)
        return
    rows = [
        (str(each["id"]), f"{each['package']} {each['version']}", clock(each["at"]), each["by"], each["why"])
        for each in found
    ]
    headings = ("REPORT", "PACKAGE", "SINCE (UTC)", "BY", "WHAT")
    say_lines(table(rows, headings) if rows else [f"no open reports on {channel}"])
