"""Orders that end something: what each of them has to find in the ledger, so that nobody is told yes for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.curator_order import Act

if TYPE_CHECKING:
    from farm.ledger.state import LedgerState
    from farm.trust.curator_order import CuratorOrder


class NothingToEndError(FarmError):
    """An order is to end what is not there, or is over already."""

    code = "nothing-to-end"


def check_ending(state: LedgerState, order: CuratorOrder) -> None:
    """See that an order ends something, if that is what it is for. Raises `NothingToEndError`."""
    if order.act is Act.CLOSE_REPORT:
        _check_closing(state, order)
    elif order.act is Act.WITHDRAW_ORDER:
        _check_withdrawal(state, order)


def _check_closing(state: LedgerState, order: CuratorOrder) -> None:
    if (order.channel, order.number, order.target) in state.reports:
        return
    number = order.channel, order.number
    open_ones = sorted(each.package for each in state.reports.values() if (each.channel, each.report) == number)
    others = f"; under that number one is open about {', '.join(open_ones[:3])}" if open_ones else ""
    raise NothingToEndError(
        f"no report {order.number} about {order.target} is open on {order.channel} with the signer{others}",
        remedy="What is open there is listed by `farm keys ledger DIRECTORY --now`, on the signer's host.",
    )


def _check_withdrawal(state: LedgerState, order: CuratorOrder) -> None:
    """An order that is not known yet may be withdrawn: then it permits nothing when it comes."""
    permit = state.permits.get(order.target) if order.target else None
    if permit is None:
        return
    if permit.order.channel != order.channel:
        raise NothingToEndError(
            f"the order {order.target} is one to {permit.order.channel}, and not to {order.channel}",
            remedy=f"Withdraw it from {permit.order.channel}.",
        )
    if permit.used_by is not None:
        raise NothingToEndError(
            f"the release {permit.used_by} of {order.channel} has used the order {order.target} already",
            remedy=f"Go back with `farm rollback {order.channel}`.",
        )
