"""The name of a preview, `preview-17`: where a channel's name stands, and never the name of a channel."""

from __future__ import annotations

import re

RESERVED = "preview"
"""No channel's name begins like this."""
_FORM = re.compile(rf"{RESERVED}-([1-9][0-9]{{0,9}})")


def preview_name(number: int) -> str:
    """Return the name of the preview of a submission."""
    return f"{RESERVED}-{number}"


def preview_number(name: str) -> int | None:
    """Return the number of the submission of a preview's name; None for another name."""
    found = _FORM.fullmatch(name)
    return int(found[1]) if found else None
