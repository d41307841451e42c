"""Words that came from elsewhere, made fit to be kept: PostgreSQL holds no NUL, and nobody reads a megabyte."""

from __future__ import annotations

_LONGEST = 20_000


def kept(text: str, *, longest: int = _LONGEST) -> str:
    """Return the text as it is kept: cut to `longest` characters, what no database takes replaced."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
