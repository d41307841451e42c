"""`farm hold`: keep a package where it is in a channel, whatever is built, and let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.curator import clock, curator, until_option, until_text
from farm.cli.options import json_option
from farm.cli.output import say_json, say_lines
from farm.cli.result import tell_result
from farm.cli.sign_order import sign_act, tell_signed

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.argument("channel")
@click.argument("package", required=False)
@click.option("--why", default="", help="The reason, for those who wonder later.")
@until_option
@click.option("--lift", is_flag=True, help="Let the package go on.")
@json_option
def hold(*, channel: str, package: str | None, why: str, until: datetime | None, lift: bool, as_json: bool) -> int:
    """Keep PACKAGE where it is in CHANNEL, or list what is held there.

    \b
    Example:
      farm hold edge jq --why "1.7.2 loses data" --until 2026-12-24
      farm hold edge jq --lift
    """
    if package is None:
        if lift or why or until:
            raise click.UsageError("Which package? Write farm hold CHANNEL PACKAGE.")
        _show_holds(channel, as_json)
        return 0
    if lift and (why or until):
        raise click.UsageError("--lift takes neither --why nor --until.")
    if not lift and not why.strip():
        raise click.UsageError("Missing option '--why'.")
    held = {package: None}
    with curator() as farm:
        if lift:
            answer = farm.lift(channel, package, envelope=sign_act(farm, "lift", channel, packages=held))
        else:
            signed = sign_act(farm, "hold", channel, packages=held, reason=why, until=until)
            answer = farm.hold(channel, package, why=why, until=until, envelope=signed)
        status = tell_signed(farm, answer)
    if status == 0:
        moves = f"{package} may move on {channel} again"
        said = moves if lift else f"{package} is held on {channel}{until_text(answer['until'])}"
        tell_result([said], answer, as_json=as_json)
    return status


def _show_holds(channel: str, as_json: bool) -> None:
    from farm.cli.rendering import table

    with curator() as farm:
        found = farm.channel(channel)["held"]
    if as_json:
        say_json(found)
        return
    rows = [(each["package"], clock(each["at"]), clock(each["until"]), each["by"], each["why"]) for each in found]
    headings = ("PACKAGE", "SINCE (UTC)", "UNTIL", "BY", "WHY")
    say_lines(table(rows, headings) if rows else [f"nothing is held on {channel}"])
