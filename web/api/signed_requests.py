"""A curator's signature that comes with a request, and the part of the answer about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.server.curation import signed_orders
from farm.server.curation.order_intake import signatures_of
from farm.trust.attestation.curator_order import kept_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.api.curation_wire import SignedRequest
    from farm.server.curation.orders import Order
    from farm.server.transaction.unit_of_work import UnitOfWork


def envelope_of(body: SignedRequest | None) -> bytes | None:
    """Return the envelope that came with a request."""
    return json.dumps(body.envelope).encode() if body is not None and body.envelope is not None else None


def signed_part(unit: UnitOfWork, body: SignedRequest | None) -> dict[str, Any]:
    """Return the stored signed order as a part of the answer; empty if no signature is required."""
    kept = signed_order_kept(unit, envelope_of(body))
    return {"signed": kept} if kept else {}


def signed_order_kept(unit: UnitOfWork, envelope: bytes | None) -> dict[str, Any]:
    """Return the signed order that was stored for this request; None if no signature is required."""
    if envelope is None or signed_orders.who_orders(unit.session) is None:
        return {}
    found = signed_orders.signed_order(unit.session, kept_order(envelope).digest)
    return found.to_dict() if found else {}


def signature_parts(unit: UnitOfWork, orders: Sequence[Order]) -> dict[int, dict[str, Any]]:
    """Return the signatures of each order to the pipeline, as a part of the answer; empty if none is required."""
    if signed_orders.who_orders(unit.session) is None:
        return {order.id: {} for order in orders}
    found = signatures_of(unit, [order.id for order in orders])
    return {
        order.id: {
            "signature": {
                "order": signature.given.digest,
                "expires": signature.expires.isoformat(),
                "withdrawn": signature.withdrawal is not None,
            }
            if (signature := found.get(order.id))
            else None
        }
        for order in orders
    }
