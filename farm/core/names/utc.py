"""Times in UTC as documents write them: RFC 3339, as `2026-11-24T12:00:01Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(at: datetime, timespec: str = "seconds") -> str:
    """Return a time in UTC, in whole seconds, or as precise as `datetime.isoformat` takes `timespec`."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def read_utc_text(text: str) -> datetime:
    """Read a time in UTC in whole seconds. Raises `ValueError`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
