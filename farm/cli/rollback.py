"""`farm rollback`: order the pipeline to release again what an older release of a channel held."""

from __future__ import annotations

import click

from farm.cli.curating import curator, number_type, tell_order, wait_option, why_option
from farm.cli.packages import json_option


@click.command()
@click.argument("channel")
@click.argument("number", type=number_type)
@why_option
@wait_option
@json_option
def rollback(channel: str, number: int, why: str, wait: bool, as_json: bool) -> int:
    """Release what release NUMBER of CHANNEL held, as a new release. Subscribers get it by upgrading.

    \b
    Example:
      farm rollback edge 12 --why "jq 1.7.2 loses data"
    """
    with curator() as farm:
        return tell_order(farm, farm.rollback(channel, number, why=why), wait=wait, as_json=as_json)
