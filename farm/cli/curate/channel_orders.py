"""`farm channel freeze`, `thaw`, `hold` and `promote`: a curator's orders to a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import tell_table
from farm.cli.remote import (
    clock,
    connect,
    reason_option,
    tell_order,
    until_option,
    until_text,
    wait_option,
    why_option,
)
from farm.cli.sign_order import can_sign, sign_act, tell_done
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from datetime import datetime

    from farm.api.curator_client import CuratorClient


@click.command()
@click.argument("channel")
@why_option
@until_option
@click.option("--replace", is_flag=True, help="Replace the freeze in force, also that of another curator.")
@json_option
def freeze(channel: str, why: str, until: datetime | None, replace: bool, as_json: bool) -> int:
    """Stop CHANNEL from publishing releases, until a time or until `farm channel thaw`.

    \b
    Example:
      farm channel freeze stable --why "the fair" --until 3d
    """
    with connect() as farm:
        signed = sign_act(farm, "freeze", channel, reason=why, until=until)
        answer = farm.freeze(channel, why=why, until=until, replace=replace, envelope=signed)
        line = f"{channel} is frozen{until_text(answer['frozen']['until'])}"
        return tell_done(farm, [line], answer, as_json=as_json)


@click.command()
@click.argument("channel")
@json_option
def thaw(channel: str, as_json: bool) -> int:
    """Let a frozen CHANNEL publish releases again.

    \b
    Example:
      farm channel thaw stable
    """
    with connect() as farm:
        answer = farm.thaw(channel, envelope=sign_act(farm, "thaw", channel))
        return tell_done(farm, [f"{channel} is no longer frozen"], answer, as_json=as_json)


@click.command()
@click.argument("channel")
@click.argument("package", required=False)
@reason_option
@until_option
@click.option("--lift", is_flag=True, help="End the hold: let the package change again.")
@json_option
def hold(*, channel: str, package: str | None, why: str, until: datetime | None, lift: bool, as_json: bool) -> int:
    """Keep PACKAGE at its present build in CHANNEL, or list the packages that are held there.

    \b
    Examples:
      farm channel hold edge jq --why "1.7.2 loses data" --until 2026-12-24
      farm channel hold edge jq --lift
    """
    if package is None:
        if lift or why or until:
            raise click.UsageError("Missing argument 'PACKAGE': write farm channel hold CHANNEL PACKAGE.")
        _show_holds(channel, as_json)
        return 0
    if lift and (why or until):
        raise click.UsageError("--lift takes neither --why nor --until.")
    if not lift and not why.strip():
        raise click.UsageError("Missing option '--why'.")
    held = {package: None}
    with connect() as farm:
        if lift:
            answer = farm.lift(channel, package, envelope=sign_act(farm, "lift", channel, packages=held))
            return tell_done(farm, [f"{package} is no longer held on {channel}"], answer, as_json=as_json)
        signed = sign_act(farm, "hold", channel, packages=held, reason=why, until=until)
        answer = farm.hold(channel, package, why=why, until=until, envelope=signed)
        line = f"{package} is held on {channel}{until_text(answer['until'])}"
        return tell_done(farm, [line], answer, as_json=as_json)


def _show_holds(channel: str, as_json: bool) -> None:
    with connect() as farm:
        found = farm.channel(channel)["held"]
    rows = [(held["package"], clock(held["at"]), clock(held["until"]), held["by"], held["why"]) for held in found]
    headings = ("PACKAGE", "SINCE (UTC)", "UNTIL", "BY", "WHY")
    tell_table(rows, headings, found, nothing=f"nothing is held on {channel}", as_json=as_json)


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("channel", metavar="TO")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@reason_option
@wait_option
@json_option
def promote(origin: str, channel: str, packages: tuple[str, ...], why: str, wait: bool, as_json: bool) -> int:
    """Promote the newest release of channel FROM, or some of its PACKAGEs, to channel TO, through the gates of TO.

    \b
    Example:
      farm channel promote edge stable jq
    """
    with connect() as farm:
        envelope = _sign_promotion(farm, origin, channel, packages, why)
        order = farm.promote(channel, origin=origin, packages=packages, why=why, envelope=envelope)
        return tell_order(farm, order, wait=wait, as_json=as_json)


def _sign_promotion(
    farm: CuratorClient, origin: str, channel: str, packages: tuple[str, ...], why: str
) -> bytes | None:
    """Return the signed order; None without a key, or if there is nothing to promote: the farm refuses that."""
    if not can_sign() or (newest := farm.channel(origin)["newest"]) is None:
        return None
    target, named = Digest(newest["digest"]), dict.fromkeys(packages)
    return sign_act(farm, "promote", channel, reason=why, target=target, origin=origin, packages=named)
