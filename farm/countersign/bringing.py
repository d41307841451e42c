"""What is brought to the signer's ledger: orders, which are verified here, and reports, which are bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.countersign.ledger_entries import OrderTaken, ReportOpened, Signing
from farm.countersign.orders import UnusableOrderError, check_brought
from farm.errors import FarmError
from farm.names import InvalidDigestError
from farm.plan import InvalidRecordError
from farm.plan.record import Record
from farm.trust.curator_order import kept_order
from farm.trust.delegation import role_of
from farm.trust.layout import BLOBS
from farm.trust.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from farm.countersign.ledger import Ledger
    from farm.countersign.orders import Permitted
    from farm.countersign.standing import PinnedRepository
    from farm.names import Digest
    from farm.trust.release_index import Release

LARGEST_REPORT = 8 << 10
MOST_REPORTS = 1000
"""So many may be open on a channel: who reports is not asked for a key."""


class ReportError(FarmError):
    """A report is none, or one too many."""

    code = "report"


def take_order_in(repository: PinnedRepository, ledger: Ledger, envelope: bytes) -> Digest:
    """Verify an order and write it down, unless that was done; return its name.

    Raises `CuratorOrderError`, `InvalidEnvelopeError`, `UnusableOrderError`, and what reading the repository raises.
    """
    repository.check_releases()
    people = who_may_order(repository.builders(), policy_in_force(repository))
    state, now = ledger.state(), datetime.now(UTC)
    if not people:
        raise UnusableOrderError(
            "nobody is signed whose orders count",
            remedy="Have a policy signed: `farm keys draft targets --policy RECIPES`.",
        )
    if (known := kept_order(envelope)).digest in state.entered:
        return known.digest
    current = repository.current(known.channel).release
    blobs = BlobStore(repository.root / BLOBS)
    order = check_brought(envelope, people, current=current, blobs=blobs, now=now)
    ledger.append(OrderTaken(order, envelope.decode()))
    return order.digest


def take_report_in(ledger: Ledger, content: bytes) -> int:
    """Write a report down, unless that was done; return its number. Raises `ReportError`."""
    report = read_report(content)
    state = ledger.state()
    if (report.channel, report.report) not in state.reports:
        if sum(channel == report.channel for channel, _ in state.reports) >= MOST_REPORTS:
            raise ReportError(
                f"{MOST_REPORTS} reports are open on {report.channel}", remedy="Close some: `farm report --resolve`."
            )
        ledger.append(report)
    return report.report


def read_report(content: bytes) -> ReportOpened:
    """Read a report. Raises `ReportError`."""
    try:
        record = Record(json.loads(content), "report")
        report = ReportOpened.from_record(record)
        record.end()
    except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
        raise ReportError(f"this is no report: {error}") from error
    return report


def write_signing(ledger: Ledger, repository: PinnedRepository, release: Release, permitted: Permitted) -> None:
    """Write down that a release is going to be signed, and which orders it uses up, before it is."""
    keys = tuple(role_of(repository.head().targets, release.channel).keyids)
    ledger.append(
        Signing(
            release.channel,
            release.number,
            release.digest,
            keys,
            permitted.orders,
            permitted.rolled_back,
            permitted.returned,
        )
    )
