"""`farm release`: the releases of a channel."""

from __future__ import annotations

import json

import click

from farm.cli.packages import json_option
from farm.cli.settings import Settings


@click.group()
def release() -> None:
    """Look at the releases of the farm at FARM_URL."""


@release.command("list")
@click.argument("channel")
@click.option("--limit", default=20, show_default=True, help="At most so many.")
@json_option
def list_releases(channel: str, limit: int, as_json: bool) -> None:
    """List the releases of CHANNEL, newest first.

    \b
    Example:
      farm release list edge
    """
    from farm.api.farm_client import FarmClient
    from farm.cli.rendering import table

    settings = Settings.from_environment()
    with FarmClient(settings.url, settings.token) as farm:
        page = farm.releases(channel, limit=limit)
    if as_json:
        click.echo(json.dumps(page, indent=1))
        return
    rows = [(str(each["number"]), each["released-at"], each["digest"]) for each in page["releases"]]
    click.echo(table(rows, ("RELEASE", "RELEASED AT", "DIGEST")) if rows else "no releases yet")


@release.command("show")
@click.argument("channel")
@click.argument("number", type=int)
@json_option
def show(channel: str, number: int, as_json: bool) -> None:
    """Show the packages of release NUMBER of CHANNEL.

    \b
    Example:
      farm release show edge 1
    """
    from farm.api.farm_client import FarmClient
    from farm.cli.rendering import table

    settings = Settings.from_environment()
    with FarmClient(settings.url, settings.token) as farm:
        found = farm.release(channel, number)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    rows = [(each["name"], f"{each['version']}-{each['revision']}", each["package"]) for each in found["packages"]]
    click.echo(table(rows, ("PACKAGE", "VERSION", "DESCRIPTOR")))
