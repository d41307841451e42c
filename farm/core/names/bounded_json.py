"""JSON of strangers, read in bounded memory: text of 1 MB can become objects of 25."""

from __future__ import annotations

import json
from typing import Any


def load_bounded(content: bytes, *, largest: int, values: int) -> Any:
    """Return what JSON text says, if it has at most `largest` bytes and so many values; else raises `ValueError`.

    `values` are as `count_values` counts them.
    """
    if len(content) > largest:
        raise ValueError(f"it has {len(content)} bytes, and the most is {largest}")
    if count_values(content) > values:
        raise ValueError(f"it has more than {values} values")
    return json.loads(content)


def count_values(content: bytes) -> int:
    """Return how many values a piece of JSON text begins, by the signs that come between them, without reading it.

    Such a sign inside of a text counts too, so a bound must leave room for those.
    """
    return sum(content.count(sign) for sign in (b",", b"[", b"{"))
