"""Checks that an order would have an effect by the ledger: one without is refused.

Of two orders about the same matter the one that was signed later counts, whichever arrives first: otherwise control
could withhold the older one, and bring it in place of the newer. One that arrives too late is refused, and one that
ends something has to find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.attestation.curator_order import PERMITS, TOLERANCE, Act

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from farm.signing.state import LedgerState
    from farm.trust.attestation.curator_order import CuratorOrder


class NothingToEndError(FarmError):
    """An order is to end what does not exist, or has ended already."""

    code = "nothing-to-end"


def check_effect(state: LedgerState, order: CuratorOrder) -> None:
    """Check that an order that is not in the ledger yet has an effect.

    Raises `NothingToEndError`, and a `FarmError` of the code `outdated-order`.
    """
    for newer, at in _newer_orders(state, order):
        raise FarmError(
            f"{order.summary} of {_second(order.at)} does not count: {newer} of {_second(at)} is newer",
            remedy=f"If it is still wanted, sign it again after {_second(at)}. If that is in the future, one of the "
            f"two clocks is wrong, by {TOLERANCE.total_seconds() / 60:.0f} minutes at most.",
            code="outdated-order",
        )
    if order.act is Act.CLOSE_REPORT:
        _check_closing(state, order)
    elif order.act is Act.WITHDRAW_ORDER:
        _check_withdrawal(state, order)
    elif order.act in PERMITS and (withdrawal := state.withdrawal(order)) is not None:
        raise FarmError(
            f"{order.summary} permits nothing: {withdrawal.curator} has withdrawn it: {withdrawal.reason}",
            remedy="Give another if it is still wanted.",
            code="outdated-order",
        )


def _newer_orders(state: LedgerState, order: CuratorOrder) -> Iterator[tuple[str, datetime]]:
    """Yield what was signed after an order about the same matters: a summary, and when."""
    last: list[CuratorOrder | None] = []
    if order.act is Act.WITHDRAW_APPROVAL:
        for package in order.packages.values():
            withdrawal = state.withdrawn.get((order.channel, package, order.curator)) if package else None
            if withdrawal is not None and withdrawal.at > order.at:
                yield f"the withdrawal {withdrawal.order} by {order.curator}", withdrawal.at
    elif order.act in (Act.HOLD, Act.LIFT):
        last = [state.holds.get((order.channel, order.distribution, name)) for name in order.packages]
    elif order.act in (Act.FREEZE, Act.THAW):
        last = [state.freezes.get((order.channel, order.distribution))]
    yield from ((other.summary, other.at) for other in last if other is not None and other.at > order.at)


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _check_closing(state: LedgerState, order: CuratorOrder) -> None:
    if (order.channel, order.number, order.target) in state.reports:
        return
    number = order.channel, order.number
    open_ones = sorted(report.package for report in state.reports.values() if (report.channel, report.report) == number)
    others = f"; under that number one is open about {', '.join(open_ones[:3])}" if open_ones else ""
    raise NothingToEndError(
        f"no report {order.number} about {order.target} is open on {order.channel} with the signer{others}",
        remedy="What is open there is listed by `farm keys ledger DIRECTORY --now`, on the signer's host.",
    )


def _check_withdrawal(state: LedgerState, order: CuratorOrder) -> None:
    """Check a withdrawal. An unknown order may be withdrawn: then it permits nothing when it arrives."""
    assert order.target is not None  # noqa: S101  (no such order is read without)
    permit = state.permits.get(order.target)
    if permit is not None and permit.order.channel != order.channel:
        raise NothingToEndError(
            f"the order {order.target} is for {permit.order.channel}, not for {order.channel}",
            remedy=f"Withdraw it from {permit.order.channel}.",
        )
    if (before := state.withdrawn_orders.get((order.channel, order.target))) is not None:
        raise NothingToEndError(f"{before.curator} has withdrawn the order {order.target} already: {before.reason}")
    if permit is None and order.target in state.entered:
        raise NothingToEndError(
            f"the order {order.target} gives no permission that could be withdrawn",
            remedy="To end a hold or a freeze, use `farm channel hold --lift` or `farm channel thaw`.",
        )
    if permit is None:
        return
    if permit.used_by is not None:
        raise NothingToEndError(
            f"the release {permit.used_by} of {order.channel} has used the order {order.target} already",
            remedy=f"Go back with `farm channel rollback {order.channel}`.",
        )
