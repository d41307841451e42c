"""Reports of trouble on their way into the ledger: nobody signs them, so they are bounded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.ledger.entries import ReportOpened
from farm.names import InvalidDigestError
from farm.plan import InvalidRecordError
from farm.plan.record import Record

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger

LARGEST_REPORT = 8 << 10
MOST_REPORTS = 1000
"""So many may be open on a channel: who reports is not asked for a key."""


class ReportError(FarmError):
    """A report is none, or one too many."""

    code = "report"


def take_report(ledger: Ledger, content: bytes) -> int:
    """Write a report down, unless that was done; return its number. Raises `ReportError`, `LedgerError`."""
    report = _read_report(content)
    state = ledger.state()
    if (report.channel, report.report) not in state.reports:
        if sum(channel == report.channel for channel, _ in state.reports) >= MOST_REPORTS:
            raise ReportError(
                f"{MOST_REPORTS} reports are open on {report.channel}", remedy="Close some: `farm report --resolve`."
            )
        ledger.append(report)
    return report.report


def _read_report(content: bytes) -> ReportOpened:
    try:
        record = Record(json.loads(content), "report")
        report = ReportOpened.from_record(record)
        record.end()
    except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
        raise ReportError(f"this is no report: {error}") from error
    return report
