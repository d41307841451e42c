"""`farm promote` and `farm rollback`: what the pipeline of a channel is ordered to do; it does so in turn."""

from __future__ import annotations

import json
from typing import Any

import click

from farm.cli.curating import curator, number_type, why_option
from farm.cli.packages import json_option


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("channel", metavar="TO")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--why", default="", help="The reason, for those who wonder later.")
@json_option
def promote(origin: str, channel: str, packages: tuple[str, ...], why: str, as_json: bool) -> None:
    """Take the newest release of FROM, or some PACKAGES of it, to the gates of TO.

    \b
    Example:
      farm promote edge stable jq
    """
    with curator() as farm:
        tell_order(farm.promote(channel, origin=origin, packages=packages, why=why), as_json)


@click.command()
@click.argument("channel")
@click.argument("number", type=number_type)
@why_option
@json_option
def rollback(channel: str, number: int, why: str, as_json: bool) -> None:
    """Release what release NUMBER of CHANNEL held, as a new release. Subscribers get it by upgrading.

    \b
    Example:
      farm rollback edge 12 --why "jq 1.7.2 loses data"
    """
    with curator() as farm:
        tell_order(farm.rollback(channel, number, why=why), as_json)


def tell_order(order: dict[str, Any], as_json: bool) -> None:
    """Say that an order was taken."""
    if as_json:
        click.echo(json.dumps(order, indent=1))
        return
    click.echo(f"order {order['id']} to {order['channel']}: {order['summary']}")
    click.echo(f"the pipeline takes it up in turn; see `farm channel show {order['channel']}`", err=True)
