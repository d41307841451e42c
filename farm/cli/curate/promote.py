"""`farm promote`: order the pipeline to take what another channel has released to the gates of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.curator import curator, tell_order, wait_option
from farm.cli.options import json_option
from farm.cli.sign_order import can_sign, sign_act

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("channel", metavar="TO")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--why", default="", help="The reason, for those who wonder later.")
@wait_option
@json_option
def promote(origin: str, channel: str, packages: tuple[str, ...], why: str, wait: bool, as_json: bool) -> int:
    """Take the newest release of FROM, or some PACKAGES of it, to the gates of TO.

    \b
    Example:
      farm promote edge stable jq
    """
    with curator() as farm:
        envelope = _sign_promotion(farm, origin, channel, packages, why)
        order = farm.promote(channel, origin=origin, packages=packages, why=why, envelope=envelope)
        return tell_order(farm, order, wait=wait, as_json=as_json)


def _sign_promotion(
    farm: CuratorClient, origin: str, channel: str, packages: tuple[str, ...], why: str
) -> bytes | None:
    """Return the signed order; None where there is no key, or nothing to promote: the farm says so."""
    from farm.core.names.digest import Digest

    if not can_sign() or (newest := farm.channel(origin)["newest"]) is None:
        return None
    target, named = Digest(newest["digest"]), dict.fromkeys(packages)
    return sign_act(farm, "promote", channel, reason=why, target=target, origin=origin, packages=named)
