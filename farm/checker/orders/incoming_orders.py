"""A curator's order that is brought for the signer's ledger: whether it may be taken into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.orders.orders import UnusableOrderError, check_brought
from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.trust.attestation.check_results import CheckedOrder
from farm.trust.attestation.curator_order import CuratorOrderError
from farm.trust.layout import BLOBS
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from datetime import datetime

    from farm.trust.index.release_index import Release
    from farm.trust.metadata.repository import Repository


def checked_order(repository: Repository, envelope: bytes, now: datetime) -> CheckedOrder:
    """Return that an order is signed by somebody whose orders count, and good on what is published.

    Raises `CuratorOrderError`, `InvalidEnvelopeError`, `UnusableOrderError`, and what reading the repository raises.
    """
    people = who_may_order(repository.builders(), policy_in_force(repository))
    if not people:
        raise UnusableOrderError(
            "nobody is signed whose orders count",
            remedy="Have a policy signed: `farm keys draft targets --policy RECIPES`.",
        )

    def newest(channel: str) -> Release | None:
        return repository.current(channel).release

    order = check_brought(envelope, people, newest=newest, blobs=BlobStore(repository.root / BLOBS), now=now)
    # The channel may have no release yet, or it is about none: another one tells whose repository it is.
    for owner in repository.distributions(repository.head()):
        if order.distribution != owner:
            raise CuratorOrderError(f"it is one to {order.distribution[:100]}, and this is {owner}")
    return CheckedOrder(asked=Digest.of(envelope), order=order.digest)
