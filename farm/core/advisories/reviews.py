"""Reviews of packages for vulnerabilities: without one, the absence of advisories means nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from farm.core.names.json_reader import Record
from farm.errors import FarmError

LARGEST_SOURCE = 500
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class InvalidReviewError(FarmError):
    """A review does not name its source, or its time."""

    code = "invalid-review"


@dataclass(frozen=True, slots=True, order=True)
class Review:
    """A review of a package: its vulnerabilities were looked up in a source, and an advisory was added for each.

    `package` is a short name, or full for another distribution; `source` is the address of the vulnerability data.
    """

    package: str
    source: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"at": time_text(self.at), "package": self.package, "source": self.source}

    @classmethod
    def from_dict(cls, value: Any) -> Review:
        """Read the result of `to_dict`; ignores other keys.

        Raises `InvalidRecordError`, `ValueError`, `InvalidReviewError`.
        """
        record = Record(value, "review")
        return cls(record.text("package"), checked_source(record.text("source")), read_time(record.text("at")))


def checked_source(text: str) -> str:
    """Return the address of a source if it is a web address on one line. Raises `InvalidReviewError`."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    is_address = parts.scheme in ("http", "https") and bool(parts.netloc)
    if not is_address or len(text) > LARGEST_SOURCE or " " in text or not text.isprintable():
        raise InvalidReviewError(
            f"{text[:100]!r} is not the address of a source",
            remedy="Name what was read, as https://security-tracker.debian.org/tracker/source-package/zlib.",
        )
    return text


def time_text(at: datetime) -> str:
    """Return a time as documents represent it, in whole seconds."""
    return at.astimezone(UTC).strftime(_TIME)


def read_time(text: str) -> datetime:
    """Read the result of `time_text`; raises `ValueError`."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
