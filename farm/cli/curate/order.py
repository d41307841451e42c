"""`farm channel order`: the orders of curators to the pipeline of a channel, and their withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table, tell_result
from farm.cli.remote import clock, connect, in_brief, number_type, why_option
from farm.cli.sign_order import can_sign, sign_act, tell_signed

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient

_LOOKED_THROUGH = 500
"""Among so many of the newest orders the one that is withdrawn is looked for."""


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
      farm channel order list stable
    """

    with connect() as farm:
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
            in_brief(each["outcome"]) + _still_good(each) if each["done-at"] else "waits",
        )
        for each in found
    ]
    headings = ("ORDER", "SINCE (UTC)", "BY", "WHAT", "OUTCOME")
    say_lines(table(rows, headings) if rows else [f"nothing was ordered of {channel} yet"])


@order.command("withdraw")
@click.argument("channel")
@click.argument("number", type=number_type, required=False)
@click.option("--order", "digest", metavar="DIGEST", help="Instead of NUMBER: one that only the signer has.")
@why_option
@json_option
def withdraw(*, channel: str, number: int | None, digest: str | None, why: str, as_json: bool) -> int:
    """Take back order NUMBER to CHANNEL, which waits or is at the gates, or ended without a release.

    One that was signed counts with the signer until that is withdrawn too, or until it expires. One that the farm does
    not list is withdrawn by its digest, as `farm keys ledger --now` shows it on the signer's host.

    \b
    Example:
      farm channel order withdraw stable 12 --why "the fair is over"
      farm channel order withdraw stable --order sha256:9f86… --why "nobody has given it"
    """
    if (number is None) == (digest is None):
        raise click.UsageError("Which order? Write its NUMBER, or --order with its digest.")
    if number is None:
        return _withdraw_with_signer(channel, str(digest), why, as_json=as_json)
    with connect() as farm:
        envelope = _sign_withdrawal(farm, channel, number, why)
        answer = farm.withdraw_order(channel, number, why=why, envelope=envelope)
        status = tell_signed(farm, answer)
    said = f"order {number} to {channel}: {answer['outcome']}"
    if answer["ending"] != "withdrawn":
        said += "; it is withdrawn from the signer too"
    if status == 0:
        tell_result([said], answer, as_json=as_json)
    return status


def _withdraw_with_signer(channel: str, digest: str, why: str, *, as_json: bool) -> int:
    from farm.core.names.digest import Digest

    target = Digest(digest)
    with connect() as farm:
        envelope = sign_act(farm, "withdraw-order", channel, target=target, reason=why)
        answer = farm.withdraw_order_with_signer(channel, target, why=why, envelope=envelope)
        status = tell_signed(farm, answer)
    if status == 0:
        tell_result([f"the order {target} permits nothing on {channel} any more"], answer, as_json=as_json)
    return status


def _sign_withdrawal(farm: CuratorClient, channel: str, number: int, why: str) -> bytes | None:
    """Return the signed withdrawal; None where there is no key, or the farm says that nobody has signed the order."""
    if not can_sign():
        return None
    from farm.core.names.digest import Digest

    for each in farm.orders(channel, limit=_LOOKED_THROUGH):
        if each["id"] != number or "signature" not in each:
            continue
        if signature := each["signature"]:
            target = Digest(signature["order"])
            say(f"signing that the order {target} permits nothing any more", err=True)
            return sign_act(farm, "withdraw-order", channel, target=target, reason=why)
        say(f"nobody has signed order {number}, says the farm: the signer is told nothing", err=True)
    return None


def _still_good(order: dict[str, Any]) -> str:
    """Say until when the signer would let a release use an order that ended without one."""
    signature = order.get("signature")
    if order["ending"] == "released" or not signature or signature["withdrawn"]:
        return ""
    expires = datetime.fromisoformat(signature["expires"])
    return f" (good with the signer until {clock(signature['expires'])})" if datetime.now(UTC) < expires else ""
