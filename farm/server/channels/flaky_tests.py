"""Flaky tests, which failed and then passed on the same files: written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select

from farm.server.tables.curation_rows import FlakyTestRow
from farm.server.tables.reading import Record

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyTest(Record):
    """A test of a version of a recipe that failed in one job and passed in another, on the same files."""

    recipe: str
    test: str
    version: str
    failed_job: int
    passed_job: int
    seen_at: datetime
    expires_at: datetime


def record_flaky(session: Session, found: FlakyTest) -> None:
    """Record that a test is flaky; if seen again on other files, its quarantine lasts until the later end."""
    known = FlakyTestRow.passed_job == found.passed_job, FlakyTestRow.failed_job == found.failed_job
    if session.exec(select(FlakyTestRow).where(*known)).first() is None:
        session.add(FlakyTestRow(**found.columns()))


def is_quarantined(session: Session, recipe: str, test: str, version: str, *, now: datetime) -> bool:
    """Return whether a test of this version is in quarantine now."""
    query = select(FlakyTestRow.id).where(
        FlakyTestRow.recipe == recipe,
        FlakyTestRow.test == test,
        FlakyTestRow.version == version,
        FlakyTestRow.expires_at > now,
    )
    return session.exec(query.limit(1)).first() is not None


def flaky(session: Session, *, now: datetime, limit: int = 100) -> list[FlakyTest]:
    """Return the tests in quarantine now, newest first."""
    query = select(FlakyTestRow).where(FlakyTestRow.expires_at > now).order_by(col(FlakyTestRow.id).desc())
    return FlakyTest.all(session, query.limit(limit))
