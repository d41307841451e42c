"""How large the blobs of a release may be, by kind: clients never fetch a larger one, even a signed one.

The checker reads entries by the same code, so nothing is published that clients would refuse.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import LARGEST_MANIFEST
from farm.core.package.facts import LARGEST_FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_ENVELOPE = 4 << 20
"""Bytes of a signed statement: a provenance, the result of a test."""

LARGEST: Mapping[str, int] = MappingProxyType({
    "archive": 8 << 30,
    "descriptor": 1 << 20,
    "manifest": LARGEST_MANIFEST,
    "facts": LARGEST_FACTS,
    "provenance": LARGEST_ENVELOPE,
    "sbom": 64 << 20,
})  # fmt: skip
"""The most bytes of a blob of each kind, as stored. An archive is streamed to the disk, all else is read whole."""


def read_limited(pieces: Iterable[bytes], most: int, what: str) -> bytes:
    """Return the pieces of a small document, joined; raises `OSError` for more than `most` bytes."""
    content = b""
    for piece in pieces:
        content += piece
        if len(content) > most:
            raise OSError(f"{what} has more than {most} bytes")
    return content
