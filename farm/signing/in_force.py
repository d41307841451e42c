"""The state in force by a ledger at one time, as JSON values, for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.signing.state import is_in_force

if TYPE_CHECKING:
    from datetime import datetime

    from farm.signing.state import LedgerState
    from farm.trust.attestation.curator_order import CuratorOrder


def in_force(state: LedgerState, now: datetime) -> dict[str, Any]:
    """Return what is in force now. `orders` are those that a release may still use."""
    return {
        "root": state.root.to_dict() if state.root else None,
        "targets": state.targets.version if state.targets else None,
        "releases": [
            {"channel": name, "release": channel.release, "release-number": channel.number}
            for name, channel in sorted(state.channels.items())
        ],
        "freezes": [order_form(freeze) for _, freeze in sorted(state.freezes.items()) if is_in_force(freeze, now)],
        "holds": [order_form(hold) for _, hold in sorted(state.holds.items()) if is_in_force(hold, now)],
        "reports": [report.to_dict() for _, report in sorted(state.reports.items())],
        "orders": [
            order_form(permit.order)
            for permit in state.permits.values()
            if permit.used_by is None and now < permit.order.expires and state.withdrawal(permit.order) is None
        ],
        "withdrawn-orders": [order_form(order) for order in state.withdrawn_orders.values()],
        "withdrawn-statements": [
            {"curator": curator, "statement": statement}
            for statement, curator in sorted(state.withdrawn_statements.items())
        ],
        "withdrawn-approvals": [
            {
                "at": withdrawal.at.isoformat(),
                "channel": channel,
                "curator": curator,
                "order": withdrawal.order,
                "package": package,
            }
            for (channel, package, curator), withdrawal in sorted(state.withdrawn.items())
        ],
    }


def order_form(order: CuratorOrder) -> dict[str, Any]:
    """Return the members of an order that are not empty."""
    form = {
        "order": order.digest,
        "act": order.act.value,
        "channel": order.channel,
        "curator": order.curator,
        "reason": order.reason,
        "at": order.at.isoformat(),
        "expires": order.expires.isoformat(),
        "until": order.until.isoformat() if order.until else None,
        "packages": dict(order.packages),
        "target": order.target,
        "from": order.origin,
        "number": order.number,
    }
    return {name: value for name, value in form.items() if value}
