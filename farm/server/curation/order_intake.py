"""Takes the orders that curators have signed: compared with the request, and stored for the signer.

If targets sign no policy, orders need no signature, and an envelope is ignored.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.server.channels import excuses, releases
from farm.server.channels.channel_checks import CurationError
from farm.server.curation import signed_orders
from farm.server.curation.signed_orders import SignedOrder
from farm.trust.attestation.advisory_statement import claims_to_sign
from farm.trust.attestation.curator_order import (
    EVERY_CHANNEL,
    NO_RELEASE,
    TOLERANCE,
    Act,
    CuratorOrderError,
    kept_order,
    read_order,
)
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.layout import ADVISORIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.advisory_statement import Claim
    from farm.trust.attestation.curator_order import CuratorOrder

NO_LEDGER = "the signer keeps no orders of curators: targets sign no policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedOrder:
    """The request that a signed order has to match. `packages` has descriptors where the order has to name them."""

    act: Act
    channel: str
    packages: Mapping[str, Digest | None] = field(default_factory=dict)
    reason: str = ""
    until: datetime | None = None
    target: Digest | None = None
    origin: str = ""
    number: int = 0
    curator: str = ""

    def differs(self, order: CuratorOrder) -> str:
        """Return how an order differs; empty if it matches."""
        pairs: dict[str, tuple[object, object]] = {
            "the act": (self.act, order.act),
            "the channel": (self.channel, order.channel),
            "the packages": (dict(self.packages), dict(order.packages)),
            "the reason": (self.reason.strip(), order.reason.strip()),
            "its end": (self.until, order.until),
            "the release or package": (self.target, order.target),
            "the channel that it takes from": (self.origin, order.origin),
            "the number": (self.number, order.number),
        }
        if self.curator:
            pairs["whose it is"] = self.curator, order.curator
        return ", ".join(name for name, (asked, signed) in pairs.items() if asked != signed)


def take_signed(
    unit: UnitOfWork, wanted: RequestedOrder, envelope: bytes | None, *, order_id: int | None = None
) -> CuratorOrder | None:
    """Store a signed order, and return it; None if orders need no signature.

    Its time must be recent: for the signer the order with the latest time counts, so one with a wrong time would have
    no effect, or undo later ones.
    Raises `CurationError` (`unsigned-order`), `CuratorOrderError`, `InvalidEnvelopeError`.
    """
    people = signed_orders.who_orders(unit.session)
    if people is None:
        return None
    if envelope is None:
        what = "a statement about vulnerabilities" if wanted.act is Act.ADVISE else wanted.act.replace("-", " ")
        raise CurationError(
            f"{what} must be signed with your own key",
            remedy="Make one with `farm keys me`, and have its line put into curators.yaml and signed, or yourself "
            "listed with `farm keys draft targets --operator NAME=KEY`; then run it again.",
            code="unsigned-order",
        )
    order = read_order(envelope, people)
    if order.distribution != unit.inputs.distribution:
        raise CuratorOrderError(f"it is for {order.distribution[:100]}, but this farm is {unit.inputs.distribution}")
    if differs := wanted.differs(order):
        raise CuratorOrderError(f"the signed order differs from the request: {differs}")
    if abs(order.at - unit.now) > TOLERANCE:
        raise CuratorOrderError(
            f"it is dated {order.at:%Y-%m-%d %H:%M} UTC, but the farm's clock says {unit.now:%Y-%m-%d %H:%M} UTC",
            remedy="Correct the clock of the machine where you sign, then give the order again.",
        )
    if unit.now >= order.expires:
        raise CuratorOrderError(f"it expired at {order.expires:%Y-%m-%d %H:%M} UTC")
    if order.base != NO_RELEASE and not releases.has_published(unit.session, wanted.channel, order.base):
        raise CuratorOrderError(f"it is based on release {order.base}, which {wanted.channel} has never published")
    kept = SignedOrder(
        digest=order.digest,
        channel=order.channel,
        act=order.act,
        curator=order.curator,
        envelope=envelope.decode(),
        at=unit.now,
        order_id=order_id,
    )
    signed_orders.keep(unit.session, kept)
    # The signer may accept now what it refused before.
    everywhere = order.channel in (ADVISORIES, EVERY_CHANNEL)
    excuses.ask_signer_again(unit.session, now=unit.now, channel=None if everywhere else order.channel)
    return order


@dataclass(frozen=True, slots=True)
class Signature:
    """The signed form of an order to the pipeline, and its signed withdrawal, if there is one."""

    given: SignedOrder
    withdrawal: SignedOrder | None = None

    @property
    def expires(self) -> datetime:
        """The time until which a release may use it, unless it is withdrawn."""
        return kept_order(self.given.envelope.encode()).expires


def signatures_of(unit: UnitOfWork, order_ids: Collection[int]) -> dict[int, Signature]:
    """Return the signatures of these orders to the pipeline, by the number of each signed order."""
    found: dict[int, Signature] = {}
    for order in signed_orders.about_orders(unit.session, order_ids):
        number = order.order_id
        if number is None:
            continue
        if order.act != Act.WITHDRAW_ORDER:
            found.setdefault(number, Signature(order))
        elif number in found and not order.refused:
            found[number] = replace(found[number], withdrawal=order)
    return found


def signature_of(unit: UnitOfWork, order_id: int) -> Signature | None:
    """Return the signature of an order to the pipeline; None for an unsigned one."""
    return signatures_of(unit, [order_id]).get(order_id)


def withdrawals_of_approvals(unit: UnitOfWork, channel: str) -> dict[tuple[Digest, str], Digest]:
    """Return the last orders that withdrew approvals on a channel, by package and curator."""
    newest: dict[tuple[Digest, str], CuratorOrder] = {}
    for kept in signed_orders.of_act(unit.session, channel, Act.WITHDRAW_APPROVAL):
        try:
            order = kept_order(kept.envelope.encode())
        except CuratorOrderError:
            continue  # its row was edited: the signer refuses it
        for package in filter(None, order.packages.values()):
            key = package, order.curator
            if key not in newest or newest[key].at <= order.at:
                newest[key] = order
    return {key: order.digest for key, order in newest.items()}


def withdrawn_orders(unit: UnitOfWork, channel: str) -> frozenset[Digest]:
    """Return the withdrawn orders to a channel or another role."""
    found: set[Digest] = set()
    for kept in signed_orders.of_act(unit.session, channel, Act.WITHDRAW_ORDER):
        with suppress(CuratorOrderError):  # its row was edited: the signer refuses it
            if target := kept_order(kept.envelope.encode()).target:
                found.add(target)
    return frozenset(found)


def take_claims(unit: UnitOfWork, claims: Iterable[Claim], envelope: bytes | None, *, new: bool) -> None:
    """Store the signed order for advisories, statements or reviews. What is not `new` need not be signed.

    An order for something that is stored already is stored too, so that it can be signed later. Raises as
    `take_signed`.
    """
    if new or envelope is not None:
        take_signed(unit, RequestedOrder(act=Act.ADVISE, channel=ADVISORIES, packages=claims_to_sign(claims)), envelope)


def may_order(unit: UnitOfWork, envelope: bytes) -> bool:
    """Return whether an envelope is signed by a person whose orders count."""
    try:
        read_order(envelope, signed_orders.who_orders(unit.session) or {})
    except InvalidEnvelopeError:
        return False
    return True
