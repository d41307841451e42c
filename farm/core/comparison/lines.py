"""Two versions of a text as a unified diff. Lines end with \n only, and are compared as bytes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_text(content: bytes) -> bool:
    """Return whether bytes are a text: UTF-8 without NUL."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def unified_lines(name: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    """Yield the unified diff of a text; None where it is missing. Bytes that are no text are spelled out.

    Texts that look alike may differ, so lines are compared as bytes.
    """
    old, new = ([] if content is None else content.split(b"\n") for content in (before, after))
    names = f"a/{name}".encode(), f"b/{name}".encode()
    for line in difflib.diff_bytes(difflib.unified_diff, old, new, *names, lineterm=b""):
        yield line.decode(errors="backslashreplace")
