"""JSON of strangers, read in bounded memory: text of 1 MB can become objects of 25."""

from __future__ import annotations

import json
from typing import Any


def load_bounded(content: bytes, *, largest: int, values: int) -> Any:
    """Return what JSON text says, if it has at most `largest` bytes and so many values; else raises `ValueError`.

    Values are counted by the signs that come between them, before anything is read. Such a sign inside of a text counts
    too, so `values` must leave room for those.
    """
    if len(content) > largest:
        raise ValueError(f"it has {len(content)} bytes, and the most is {largest}")
    if sum(content.count(sign) for sign in (b",", b"[", b"{")) > values:
        raise ValueError(f"it has more than {values} values")
    return json.loads(content)
