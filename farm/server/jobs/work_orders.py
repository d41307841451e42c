"""The orders of test jobs, as canonical JSON under their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.tables.job_rows import PackageTestRow
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.core.names.digest import Digest


def keep_test(session: Session, digest: Digest, *, subject: Digest, test: str, body: str) -> None:
    """Store a test order's canonical JSON under its digest."""
    add_unless_stored(session, PackageTestRow(digest=digest, subject=subject, test=test, body=body))


def find_test_text(session: Session, digest: Digest) -> str | None:
    """Return the canonical JSON of a test order, if it is stored."""
    row = session.get(PackageTestRow, digest)
    return row.body if row is not None else None
