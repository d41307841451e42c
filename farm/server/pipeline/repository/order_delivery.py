"""Brings curators' signed orders and reports to the signer: at once, or when the signer answers again."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.server.curation import reports, signed_orders
from farm.server.pipeline.repository.signer_client import SignerRefusedError, SignerUnreachableError
from farm.signing.entries import ReportOpened
from farm.trust.attestation.curator_order import Act, CuratorOrderError, kept_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.server.curation.reports import Report
    from farm.server.pipeline.repository.signer_client import OrderTaker
    from farm.server.transaction.unit_of_work import Application

_LOG = logging.getLogger("farm.server.pipeline")
_AT_ONCE = 50
_FOR_GOOD = ("order", "invalid-envelope", "unusable-order", "nothing-to-end", "outdated-order")
"""Refusals that are about the order; others are about the state of the signer.

An order that is refused for such a reason is brought once more if other people may give orders by then
(`signed_orders.retry_refused`).
"""
_TOO_MANY = "too-many-reports"
_LONGEST = 500
"""Characters of a report's reason that are sent to the signer: the reason is for people."""


class OrderDelivery:
    """Brings what the signer does not have yet. May be called at any time, also twice at once."""

    def __init__(self, application: Application, signer: OrderTaker) -> None:
        self._application = application
        self._signer = signer
        self._logged: dict[str, str] = {}

    def deliver(self) -> int:
        """Bring reports, then orders, the oldest first; return how many. What cannot be brought waits."""
        try:
            brought = self.bring()
        except SignerUnreachableError as error:
            self._log_once("", f"orders of curators wait for the signer: {error.message}")
            return 0
        self._logged.pop("", None)
        return brought

    def bring_all(self) -> None:
        """Bring all that waits. Raises `SignerUnreachableError`."""
        while self.bring():
            pass

    def bring(self) -> int:
        """Bring the oldest reports and orders; return how many the signer took. Raises as `bring_all`."""
        with self._application.reading() as unit:
            orders = signed_orders.undelivered(unit.session, _AT_ONCE)
            # A report that was closed before the signer had it must be brought first, so that the signer can close it.
            closed = list(_closed_by(orders))
            waiting = {
                channel: [found for number in numbers if (found := reports.report(unit.session, number)) is not None]
                for channel, numbers in signed_orders.undelivered_reports(unit.session, _AT_ONCE, closed=closed).items()
            }
        brought = sum(self._bring_reports(channel, some) for channel, some in waiting.items())
        return brought + sum(map(self._bring_order, orders))

    def _bring_reports(self, channel: str, some: Iterable[Report]) -> int:
        """Bring reports on one channel, as many as the signer has room for: the others wait until some are closed."""
        brought = 0
        for report in some:
            try:
                self._signer.take_report(_opened(report).to_json())
            except SignerRefusedError as error:
                if error.said == _TOO_MANY:
                    self._log_once(channel, f"reports on {channel} wait: {error.message}. {error.remedy}")
                    break
                self._log_once(f"report {report.id}", f"the signer does not take report {report.id}: {error.message}")
                continue
            self._logged.pop(channel, None)
            with self._application.writing() as unit:
                signed_orders.record_report_delivery(unit.session, report.id, now=unit.now)
            brought += 1
        return brought

    def _bring_order(self, order: signed_orders.SignedOrder) -> bool:
        refused = ""
        try:
            self._signer.take_order(order.envelope.encode())
        except SignerRefusedError as error:
            refused = f"{error.message}. {error.remedy}".strip()
            self._log_once(
                order.digest, f"the signer does not take the order {order.act} of {order.curator}: {refused}"
            )
            if error.said not in _FOR_GOOD:
                return False  # the fault is the signer's: a hold that is lost by it would be missed
        self._logged.pop(order.digest, None)
        with self._application.writing() as unit:
            signed_orders.record_delivery(unit.session, order.digest, now=unit.now, refused=refused)
        return True

    def _log_once(self, about: str, message: str) -> None:
        """Log once what keeps something back: the timer fires again soon, and would log the same."""
        if self._logged.get(about) != message:
            _LOG.error("%s", message)
        self._logged[about] = message


def _closed_by(orders: Iterable[signed_orders.SignedOrder]) -> Iterator[int]:
    for order in orders:
        if order.act == Act.CLOSE_REPORT:
            with suppress(CuratorOrderError):  # the signer names what is wrong with it
                yield kept_order(order.envelope.encode()).number


def _opened(report: Report) -> ReportOpened:
    label = f"{report.name} {report.version}"[:_LONGEST]
    return ReportOpened(report.channel, report.id, report.package, label, report.reason[:_LONGEST])
