"""`farm channel order`: the orders of curators to the pipeline of a channel, and their withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.remote import clock, connect, in_brief, number_type, why_option
from farm.cli.sign_order import can_sign, sign_act, tell_done
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient

_LOOKED_THROUGH = 500
"""How many of the newest orders are searched for the one to withdraw."""


@click.group(cls=VerbGroup)
def order() -> None:
    """List the orders of curators to the pipeline of a channel, and withdraw them."""


@order.command("list")
@click.argument("channel")
@json_option
def list_orders(channel: str, as_json: bool) -> None:
    """List the orders to CHANNEL with their outcome, newest first: promotions, rollbacks, retries.

    \b
    Example:
      farm channel order list stable
    """
    with connect() as farm:
        found = farm.orders(channel)
    rows = [
        (
            str(ordered["id"]),
            clock(ordered["at"]),
            ordered["ordered-by"],
            in_brief(ordered["summary"]),
            in_brief(ordered["outcome"]) + _validity(ordered) if ordered["done-at"] else "waits",
        )
        for ordered in found
    ]
    headings = ("ORDER", "SINCE (UTC)", "BY", "WHAT", "OUTCOME")
    tell_table(rows, headings, found, nothing=f"nothing was ordered of {channel} yet", as_json=as_json)


@order.command("withdraw")
@click.argument("channel")
@click.argument("number", type=number_type, required=False)
@click.option(
    "--order", "digest", metavar="DIGEST", help="The digest of an order that only the signer has, instead of NUMBER."
)
@why_option
@json_option
def withdraw(*, channel: str, number: int | None, digest: str | None, why: str, as_json: bool) -> int:
    """Withdraw order NUMBER to CHANNEL: one that is pending, or that ended without a release.

    The signer honors a signed order until it is withdrawn there too, or until it expires. An order that the farm does
    not list is withdrawn by its digest, as `farm keys ledger --now` shows it on the signer's host.

    \b
    Example:
      farm channel order withdraw stable 12 --why "the fair is over"
      farm channel order withdraw stable --order sha256:9f86… --why "no curator gave it"
    """
    if (number is None) == (digest is None):
        raise click.UsageError("Name one order: by its NUMBER, or by its digest with --order.")
    if number is None:
        return _withdraw_with_signer(channel, str(digest), why, as_json=as_json)
    with connect() as farm:
        envelope = _sign_withdrawal(farm, channel, number, why)
        answer = farm.withdraw_order(channel, number, why=why, envelope=envelope)
        too = "" if answer["ending"] == "withdrawn" else "; it is withdrawn with the signer too"
        return tell_done(farm, [f"order {number} to {channel}: {answer['outcome']}{too}"], answer, as_json=as_json)


def _withdraw_with_signer(channel: str, digest: str, why: str, *, as_json: bool) -> int:
    target = Digest(digest)
    with connect() as farm:
        envelope = sign_act(farm, "withdraw-order", channel, target=target, reason=why)
        answer = farm.withdraw_order_with_signer(channel, target, why=why, envelope=envelope)
        return tell_done(farm, [f"the order {target} is withdrawn on {channel}"], answer, as_json=as_json)


def _sign_withdrawal(farm: CuratorClient, channel: str, number: int, why: str) -> bytes | None:
    """Return the signed withdrawal; None without a key, or if the farm reports that the order was not signed."""
    if not can_sign():
        return None
    for ordered in farm.orders(channel, limit=_LOOKED_THROUGH):
        if ordered["id"] != number or "signature" not in ordered:
            continue
        if signature := ordered["signature"]:
            target = Digest(signature["order"])
            say(f"signing the withdrawal of the order {target}", err=True)
            return sign_act(farm, "withdraw-order", channel, target=target, reason=why)
        say(f"the farm says that order {number} is unsigned: nothing to withdraw with the signer", err=True)
    return None


def _validity(order: dict[str, Any]) -> str:
    """Return until when the signer honors an order that ended without a release."""
    signature = order.get("signature")
    if order["ending"] == "released" or not signature or signature["withdrawn"]:
        return ""
    expires = datetime.fromisoformat(signature["expires"])
    return f" (valid with the signer until {clock(signature['expires'])})" if datetime.now(UTC) < expires else ""
