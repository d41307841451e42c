"""Reviews of packages for vulnerabilities: without one, the absence of advisories means nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from farm.core.names.form import Form, TextForm
from farm.core.names.utc import read_utc_text, utc_text
from farm.errors import FarmError

LARGEST_SOURCE = 500


class InvalidReviewError(FarmError):
    """A review does not name its source, or its time."""

    code = "invalid-review"


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


Time = Annotated[datetime, TextForm(read_utc_text, utc_text)]
"""A time as documents represent it, in whole seconds."""


@dataclass(frozen=True, slots=True, order=True)
class Review(Form, record="review", extensible=True):
    """A review of a package: its vulnerabilities were looked up in a source, and an advisory was added for each.

    `package` is a short name, or full for another distribution; `source` is the address of the vulnerability data.
    """

    package: str
    source: str
    at: Time

    def check(self) -> None:
        """Check the address of the source. Raises `InvalidReviewError`."""
        checked_source(self.source)
