"""The most memory that Python's allocators give out while something runs."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def takes_at_most(most: int) -> Iterator[None]:
    """Fail if more than so many bytes are in use at once, besides those that were before."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= most, f"{peak >> 10} KiB"
