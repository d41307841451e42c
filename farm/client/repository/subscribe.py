"""Subscribing to a channel: pin its root of trust, by DNS or as it is given, and verify a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.enrolment import Resolver, enrol
from farm.client.repository.subscriptions import checked_mirrors

if TYPE_CHECKING:
    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription
    from farm.core.names.digest import Digest
    from farm.trust.index.release_index import Release


@dataclass(frozen=True, slots=True)
class ByAddress:
    """A repository by its address (a URL or a directory), and the root's fingerprint as the owner announces it."""

    address: str
    fingerprint: Digest


@dataclass(frozen=True, slots=True)
class ByDomain:
    """A distribution by its domain; DNS names the address and the root, which must match a given `fingerprint`.

    `resolver` is the DNS server to query; empty means the machine's own.
    """

    domain: str
    fingerprint: Digest | None = None
    resolver: str = ""


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """What is requested. Without `mirrors` or a `priority`, a channel that is already followed keeps its own."""

    channel: str
    repository: ByAddress | ByDomain
    mirrors: tuple[str, ...] = ()
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The outcome: the subscription, the newest release, and whether DNS was queried for the pinned root."""

    subscription: Subscription
    release: Release
    by_dns: bool


def subscribe(host: Host, request: SubscribeRequest) -> Subscribed:
    """Follow a channel: pin the root of its repository, and verify its newest release.

    Raises `InvalidAddressError`, and what `enrol` and `Subscriptions.subscribe` raise; then nothing has changed.
    """
    checked_mirrors(request.mirrors)
    repository = request.repository
    if isinstance(repository, ByAddress):
        subscription = host.subscriptions.subscribe(repository.address, request.channel, repository.fingerprint)
        by_dns = False
    else:
        resolver = Resolver.parse(repository.resolver)
        subscription, by_dns = enrol(
            host.subscriptions, repository.domain, request.channel, resolver, fingerprint=repository.fingerprint
        )
    if request.mirrors or request.priority is not None:
        subscription = host.subscriptions.change(
            subscription, mirrors=request.mirrors or None, priority=request.priority
        )
    return Subscribed(subscription, host.catalogue(str(subscription)).release, by_dns)
