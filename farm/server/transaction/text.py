"""Makes text from outside fit for the database: PostgreSQL stores no NUL, and nobody reads a megabyte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.errors import FarmError

_LONGEST = 20_000


def truncate_text(text: str, *, longest: int = _LONGEST) -> str:
    """Return a text cut to `longest` characters, with what PostgreSQL does not store replaced."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def kept_error(error: FarmError) -> str:
    """Return an error with its remedy, as a text for the database."""
    return truncate_text(f"{error}. {error.remedy}" if error.remedy else str(error))
