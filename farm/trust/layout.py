"""Where things lie in a published repository: the words that publisher and client share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.names import Digest

METADATA = "metadata"
TARGETS = "targets"
BLOBS = "blobs"
BUILDERS_TARGET = "builders.json"
"""The public keys whose provenance clients accept; signed by the top-level targets role."""


def release_target(channel: str) -> str:
    """Return the TUF target path of a channel's newest release."""
    return f"channels/{channel}/release.json"


def blob_path(digest: Digest) -> str:
    """Return where a blob lies, from the root of the repository: as `farm.blobs` lays them out."""
    return f"{BLOBS}/sha256/{digest.hex[:2]}/{digest.hex[2:]}"
