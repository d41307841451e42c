"""`farm subscribe`: pin a channel's root of trust, as DNS names it or as it is given by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.output import say
from farm.cli.settings import Settings
from farm.cli.subscribe.subscriptions import mirror_option, priority_option
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from farm.client.repository.subscriptions import Subscription, Subscriptions


@click.command()
@click.argument("address", metavar="DOMAIN/CHANNEL | ADDRESS CHANNEL")
@click.argument("channel", metavar="", required=False)
@click.option("--fingerprint", help="sha256:… of the root metadata, as the owner announces it.")
@mirror_option
@priority_option
@click.option("--resolver", metavar="HOST[:PORT]", help="The DNS server to ask (an IP address); or FARM_RESOLVER.")
def subscribe(
    address: str,
    channel: str | None,
    fingerprint: str | None,
    mirrors: tuple[str, ...],
    priority: int | None,
    resolver: str | None,
) -> None:
    """Follow a channel: of a distribution by its domain, or of the repository at ADDRESS (a URL or a directory).

    By its domain, the TXT record _farm.DOMAIN says where the repository is and which root it has. The root is pinned;
    after that, nothing that DNS says counts any more.

    \b
    Examples:
      farm subscribe dist.example.org/stable
      farm subscribe http://127.0.0.1:8460/repository edge --fingerprint sha256:…
      farm subscribe dist.example.org/stable --mirror /mnt/mirror --mirror https://mirror.example.net/farm
    """
    from farm.client.repository.subscriptions import checked_mirrors

    settings = Settings.from_environment()
    checked_mirrors(mirrors)
    host = open_host(settings)
    if channel is None:
        asked = settings.resolver if resolver is None else resolver
        subscription = _by_domain(host.subscriptions, address, fingerprint, asked)
    else:
        subscription = _by_hand(host.subscriptions, address, channel, fingerprint)
    if mirrors or priority is not None:
        subscription = host.subscriptions.change(subscription, mirrors=mirrors or None, priority=priority)
    release = host.catalogue(str(subscription)).release
    say(f"subscribed to {subscription}: release {release.number} of {release.released_at}")


def _by_hand(subscriptions: Subscriptions, address: str, channel: str, fingerprint: str | None) -> Subscription:
    from farm.core.names.digest import Digest

    if fingerprint is None:
        raise click.UsageError("An ADDRESS needs the --fingerprint of its root; or name DOMAIN/CHANNEL.")
    return subscriptions.subscribe(address, channel, Digest(fingerprint))


def _by_domain(subscriptions: Subscriptions, text: str, fingerprint: str | None, resolver: str) -> Subscription:
    from farm.client.repository.enrolment import Resolver, enrol
    from farm.core.names.digest import Digest

    domain, _, channel = text.rpartition("/")
    if not domain or not channel or "/" in domain:
        raise click.UsageError(f"{text!r} is no DOMAIN/CHANNEL, and an ADDRESS needs a CHANNEL after it.")
    pinned = Digest(fingerprint) if fingerprint else None
    enrolled = enrol(subscriptions, domain, channel, Resolver.parse(resolver), fingerprint=pinned)
    subscription = enrolled.subscription
    if enrolled.by_dns:
        say(f"pinned the root {subscription.fingerprint} of {subscription.address}, as _farm.{domain} names it")
    else:
        say(f"{domain} is pinned here already, at {subscription.address}: DNS was not asked")
    return subscription
