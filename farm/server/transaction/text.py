"""Words that came from elsewhere, made fit to be kept: PostgreSQL holds no NUL, and nobody reads a megabyte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.errors import FarmError

_LONGEST = 20_000


def truncate_text(text: str, *, longest: int = _LONGEST) -> str:
    """Return the text as it is kept: cut to `longest` characters, what no database takes replaced."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def kept_error(error: FarmError) -> str:
    """Return what went wrong, and what to do about it, as it is kept."""
    return truncate_text(f"{error}. {error.remedy}" if error.remedy else str(error))
