"""`farm channel` and `farm release`: how channels stand, and what they hold."""

from __future__ import annotations

import json

import click

from farm.cli.packages import json_option
from farm.cli.settings import Settings


@click.group()
def channel() -> None:
    """Look at channels of the farm at FARM_URL."""


@channel.command("show")
@click.argument("name", required=False)
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show how channels stand: the newest release, the candidate at the gates, and what was held back.

    \b
    Example:
      farm channel show edge
    """
    from farm.api.farm_client import FarmClient

    settings = Settings.from_environment()
    with FarmClient(settings.url, settings.token) as farm:
        found = [farm.channel(name)] if name else farm.channels()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for each in found:
        newest, candidate = each["newest"], each["candidate"]
        released = f"release {newest['number']} of {newest['released-at']}" if newest else "no release yet"
        click.echo(f"{click.style(each['channel'], bold=True)}: {released}")
        if candidate:
            click.echo(f"  candidate {candidate['id']} is {candidate['state']}")
            for gate in candidate["gates"]:
                click.echo(f"    {gate['gate']}: {gate['state']}, {gate['summary']}")
            for reason in dict.fromkeys(f"{each['package']}: {each['reason']}" for each in candidate["excuses"]):
                click.echo(f"    held back {reason}")
