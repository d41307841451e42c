"""`farm order`: what curators have ordered the pipeline of a channel to do, and taking back what is not done yet."""

from __future__ import annotations

import click

from farm.cli.curating import clock, curator, in_brief, number_type, why_option
from farm.cli.output import say_json, say_lines
from farm.cli.packages import json_option
from farm.cli.result import tell_result


@click.group()
def order() -> None:
    """List the orders of curators to a channel, or withdraw one that waits."""


@order.command("list")
@click.argument("channel")
@json_option
def list_orders(channel: str, as_json: bool) -> None:
    """List the orders to CHANNEL, newest first: promotions, rollbacks, retries, and what came of them.

    \b
    Example:
      farm order list stable
    """
    from farm.cli.rendering import table

    with curator() as farm:
        found = farm.orders(channel)
    if as_json:
        say_json(found)
        return
    rows = [
        (
            str(each["id"]),
            clock(each["at"]),
            each["ordered-by"],
            in_brief(each["summary"]),
            in_brief(each["outcome"]) if each["done-at"] else "waits",
        )
        for each in found
    ]
    headings = ("ORDER", "SINCE (UTC)", "BY", "WHAT", "OUTCOME")
    say_lines(table(rows, headings) if rows else [f"nothing was ordered of {channel} yet"])


@order.command("withdraw")
@click.argument("channel")
@click.argument("number", type=number_type)
@why_option
@json_option
def withdraw(channel: str, number: int, why: str, as_json: bool) -> None:
    """Take back order NUMBER to CHANNEL, which waits or is at the gates: it does nothing then.

    \b
    Example:
      farm order withdraw stable 12 --why "the fair is over"
    """
    with curator() as farm:
        answer = farm.withdraw_order(channel, number, why=why)
    tell_result([f"order {number} to {channel}: {answer['outcome']}"], answer, as_json=as_json)
