"""Reports of trouble on their way into the ledger: they are not signed, so their number is limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.signing.entries import ReportOpened

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.signing.ledger import Ledger

LARGEST_REPORT = 8 << 10
MOST_REPORTS = 1000
"""How many may be open on a channel: reporters need no key."""
MOST_REPORTS_IN_ALL = 10_000


class ReportError(FarmError):
    """A report cannot be read, or names an unknown channel."""

    code = "report"


def take_report(ledger: Ledger, content: bytes, channels: Collection[str]) -> int:
    """Write a report about one of these channels into the ledger, once; return its number.

    Raises `ReportError`, `LedgerError`, and a `FarmError` where too many are open.
    """
    report = ReportOpened.read_json(content, ReportError)
    if report.channel not in channels:
        raise ReportError(f"there is no channel {report.channel[:100]}")
    state = ledger.state()
    if report.key in state.reports:
        return report.report
    on_channel = sum(opened.channel == report.channel for opened in state.reports.values())
    for where, count, most in (
        (f"on {report.channel}", on_channel, MOST_REPORTS),
        ("in all", len(state.reports), MOST_REPORTS_IN_ALL),
    ):
        if count >= most:
            raise FarmError(
                f"{count} reports are open {where}, and no more are taken",
                remedy="Close some: docs/operate.md says how, under `A flood of reports`.",
                code="too-many-reports",
            )
    ledger.append(report)
    return report.report
