"""Checks whether a curator's order may be written into the signer's ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.orders.order_coverage import Releases
from farm.checker.orders.orders import SIGN_AGAIN, UnusableOrderError
from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.trust.attestation.check_results import CheckedOrder
from farm.trust.attestation.curator_order import (
    EVERY_CHANNEL,
    NO_RELEASE,
    TOLERANCE,
    Act,
    CuratorOrder,
    CuratorOrderError,
    read_order,
)
from farm.trust.layout import BLOBS
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from datetime import datetime

    from farm.trust.metadata.repository import Repository


def checked_order(repository: Repository, envelope: bytes, now: datetime) -> CheckedOrder:
    """Check that an order is signed by a person whose orders count, and is valid on what is published.

    Raises `CuratorOrderError`, `InvalidEnvelopeError`, `UnusableOrderError`, and what reading the repository raises.
    """
    people = who_may_order(repository.builders(), policy_in_force(repository))
    if not people:
        raise UnusableOrderError(
            "no signed policy names a person who may give orders",
            remedy="Have a policy signed: `farm keys draft targets --policy RECIPES`.",
        )
    order = read_order(envelope, people)
    _check_valid(order, repository, now)
    # The channel may have no release yet, or the order is about none: any other channel has the owner as well.
    for owner in repository.distributions(repository.head()):
        if order.distribution != owner:
            raise CuratorOrderError(f"it is for {order.distribution[:100]}, but this farm is {owner}")
    return CheckedOrder(asked=Digest.of(envelope), order=order.digest)


def _check_valid(order: CuratorOrder, repository: Repository, now: datetime) -> None:
    """Check the times of an order, the release that it was given on, and the one that it is about."""
    current = None if order.channel == EVERY_CHANNEL else repository.current(order.channel).release
    releases = Releases(BlobStore(repository.root / BLOBS))
    if now >= order.expires:
        raise UnusableOrderError(f"{order.summary} expired at {order.expires:%Y-%m-%d %H:%M} UTC", remedy=SIGN_AGAIN)
    if order.at > now + TOLERANCE:
        raise UnusableOrderError(
            f"{order.summary} is dated {order.at:%Y-%m-%d %H:%M} UTC, in the future", remedy=SIGN_AGAIN
        )
    if not releases.is_ancestor(order.base, current):
        raise UnusableOrderError(
            f"{order.summary} is based on release {order.base}, which is neither the newest of {order.channel} "
            "nor one before it",
            remedy=SIGN_AGAIN,
        )
    if order.act not in (Act.ROLLBACK, Act.PROMOTE):
        return
    origin = order.origin or order.channel
    if order.target in (None, NO_RELEASE) or not releases.is_ancestor(order.target, repository.current(origin).release):
        raise UnusableOrderError(
            f"{order.summary} is about the release {order.target}, which {origin} never had", remedy=SIGN_AGAIN
        )
