"""`farm subscribe`: pin a channel's root of trust."""

from __future__ import annotations

import click

from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("address")
@click.argument("channel")
@click.option("--fingerprint", required=True, help="sha256:… of the root metadata, as the owner announces it.")
def subscribe(address: str, channel: str, fingerprint: str) -> None:
    """Follow CHANNEL of the repository at ADDRESS (an http URL or a directory).

    \b
    Example:
      farm subscribe http://127.0.0.1:8460/repository edge --fingerprint sha256:…
    """
    from farm.names import Digest

    host = open_host(Settings.from_environment())
    subscription = host.subscriptions.subscribe(address, channel, Digest(fingerprint))
    release = host.catalogue(str(subscription)).release
    click.echo(f"subscribed to {subscription}: release {release.number} of {release.released_at}")
