"""`farm subscribe`: follow a channel, and pin its root of trust by DNS or by a fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.output import say
from farm.cli.settings import Settings
from farm.cli.subscribe.subscriptions import mirror_option, priority_option
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from farm.client.repository.subscribe import ByAddress, ByDomain


@click.command()
@click.argument("address", metavar="DOMAIN/CHANNEL | ADDRESS CHANNEL")
@click.argument("channel", metavar="", required=False)
@click.option("--fingerprint", help="The sha256:… of the root metadata, as its owner announces it.")
@mirror_option
@priority_option
@click.option("--resolver", metavar="HOST[:PORT]", help="The DNS server to ask, an IP address (FARM_RESOLVER).")
def subscribe(
    address: str,
    channel: str | None,
    fingerprint: str | None,
    mirrors: tuple[str, ...],
    priority: int | None,
    resolver: str | None,
) -> None:
    """Follow a channel, by the domain of its distribution or the address of its repository.

    For a domain, the TXT record _farm.DOMAIN names the repository and its root. ADDRESS is a URL or a directory, and
    needs the --fingerprint of the root. The root is pinned on this host; DNS is not consulted again.

    \b
    Examples:
      farm subscribe dist.example.org/stable
      farm subscribe http://127.0.0.1:8460/repository edge --fingerprint sha256:…
      farm subscribe dist.example.org/stable --mirror /mnt/mirror --mirror https://mirror.example.net/farm
    """
    from farm.client.repository.subscribe import SubscribeRequest, subscribe

    settings = Settings.from_environment()
    asked = settings.resolver if resolver is None else resolver
    name, repository = _repository(address, channel, fingerprint, asked)
    found = subscribe(open_host(settings), SubscribeRequest(name, repository, mirrors, priority))
    subscription = found.subscription
    if found.by_dns:
        domain = subscription.distribution
        say(f"pinned the root {subscription.fingerprint} of {subscription.address}, as _farm.{domain} names it")
    elif channel is None:
        say(f"{subscription.distribution} is pinned here already, at {subscription.address}: DNS was not asked")
    say(f"subscribed to {subscription}: release {found.release.number} of {found.release.released_at}")


def _repository(
    address: str, channel: str | None, fingerprint: str | None, resolver: str
) -> tuple[str, ByAddress | ByDomain]:
    """Return the channel, and its address. Wrong use if the arguments do not determine them."""
    from farm.client.repository.subscribe import ByAddress, ByDomain
    from farm.core.names.digest import Digest

    root = Digest(fingerprint) if fingerprint else None
    if channel is not None:
        if root is None:
            raise click.UsageError("An ADDRESS needs the --fingerprint of its root. Or give DOMAIN/CHANNEL.")
        return channel, ByAddress(address, root)
    domain, _, name = address.rpartition("/")
    if not domain or not name or "/" in domain:
        raise click.UsageError(f"{address!r} is no DOMAIN/CHANNEL, and an ADDRESS needs a CHANNEL after it.")
    return name, ByDomain(domain, root, resolver)
