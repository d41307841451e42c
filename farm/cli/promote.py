"""`farm promote`: order the pipeline to take what another channel has released to the gates of a channel."""

from __future__ import annotations

import click

from farm.cli.curating import curator, tell_order, wait_option
from farm.cli.packages import json_option


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
        return tell_order(
            farm, farm.promote(channel, origin=origin, packages=packages, why=why), wait=wait, as_json=as_json
        )
