"""Bringing the signer what curators have signed, and what was reported: at once, or when it answers again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from farm.database import reports, signed_orders
from farm.names import canonical_json
from farm.release.signer_client import SignerRefusedError, SignerUnreachableError

if TYPE_CHECKING:
    from farm.control.desk import Office
    from farm.database.reports import Report

_LOG = logging.getLogger("farm.release")
_AT_ONCE = 50
_FOR_GOOD = ("order", "invalid-envelope", "unusable-order", "nothing-to-end", "report")
"""The refusals that are about what is brought; others are about the state that the signer is in."""
_LONGEST = 500
"""Characters of a report's reason that the signer is told: it is for people."""


class OrderTaker(Protocol):
    """Whoever keeps the ledger."""

    def take_order(self, envelope: bytes) -> None:
        """Take a signed order; one that is known already is fine. Raises a `FarmError` when refused."""

    def take_report(self, report: bytes) -> None:
        """Take a report; one that is known already is fine. Raises a `FarmError` when refused."""


class OrderDelivery:
    """Brings what the signer has not got yet. May be asked at any time, also twice at once."""

    def __init__(self, office: Office, signer: OrderTaker) -> None:
        self._office = office
        self._signer = signer
        self._told = ""

    def deliver(self) -> int:
        """Bring reports, then orders, the oldest first; return how many. What cannot be brought waits."""
        try:
            brought = self.bring()
        except SignerUnreachableError as error:
            # The clock comes back in a second: once is enough to say the same.
            if error.message != self._told:
                _LOG.error("orders of curators wait for the signer: %s", error.message)
            self._told = error.message
            return 0
        self._told = ""
        return brought

    def bring_all(self) -> None:
        """Bring all that there is. Raises `SignerUnreachableError`."""
        while self.bring():
            pass

    def bring(self) -> int:
        """Bring the oldest reports and orders; return how many the signer came to have. As `bring_all`."""
        with self._office.reading() as desk:
            numbers = signed_orders.unbrought_reports(desk.session, _AT_ONCE)
            told = [found for number in numbers if (found := reports.report(desk.session, number)) is not None]
            orders = signed_orders.unbrought(desk.session, _AT_ONCE)
        return sum(map(self._bring_report, told)) + sum(map(self._bring_order, orders))

    def _bring_report(self, report: Report) -> bool:
        try:
            self._signer.take_report(_form(report))
        except SignerRefusedError as error:
            _LOG.error("the signer does not take report %d: %s", report.id, error.message)
            if error.said not in _FOR_GOOD:
                return False
        with self._office.writing() as desk:
            signed_orders.note_report_brought(desk.session, report.id, now=desk.now)
        return True

    def _bring_order(self, order: signed_orders.SignedOrder) -> bool:
        refused = ""
        try:
            self._signer.take_order(order.envelope.encode())
        except SignerRefusedError as error:
            refused = f"{error.message}. {error.remedy}".strip()
            _LOG.error("the signer does not take the order %s of %s: %s", order.act, order.curator, refused)
            if error.said not in _FOR_GOOD:
                return False  # the trouble is the signer's: a hold that was lost by it would be missed
        with self._office.writing() as desk:
            signed_orders.note_brought(desk.session, order.digest, now=desk.now, refused=refused)
        return True


def _form(report: Report) -> bytes:
    return canonical_json(
        {
            "channel": report.channel,
            "label": f"{report.name} {report.version}"[:_LONGEST],
            "package": report.package,
            "reason": report.reason[:_LONGEST],
            "report": report.id,
        }
    )
