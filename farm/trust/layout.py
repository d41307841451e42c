"""The paths in a published repository, which publisher and client share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.names.digest import Digest

METADATA = "metadata"
TARGETS = "targets"
BLOBS = "blobs"
KEYS = "keys"
"""Public keys as PEM, for tools that read no metadata."""
SUMMARIES = "summaries"
"""The signer's summary of each release that it has verified: `<digest of the release>.json`."""
PREVIEWS = "previews"
"""The statements about open previews, signed by the preview key: `<number>.json`."""
IMPORTS = "imports"
"""In a mirror: a repository for each distribution that its channels import packages from."""
BUILDERS_TARGET = "builders.json"
"""The public keys whose provenance clients accept; signed by the top-level targets role."""
ADVISORIES = "advisories"
"""The delegated role that signs advisories."""
ADVISORIES_PATTERN = "advisories/*"
ADVISORY_LIST = "osv.json"
"""The name of the target below `advisories/` that lists them all."""
REVIEW_LIST = "reviews.json"
"""The name of the target next to it with the reviewed packages, and when the list was signed."""


def preview_path(number: int) -> str:
    """Return the path of the statement about a preview, from the root of the repository."""
    return f"{PREVIEWS}/{number}.json"


def release_target(channel: str) -> str:
    """Return the TUF target path of a channel's newest release."""
    return f"channels/{channel}/release.json"


def advisory_target(name: str) -> str:
    """Return the TUF target path of one document of advisories."""
    return f"{ADVISORIES}/{name}"


def hashed_path(path: str, sha256: str) -> str:
    """Return the path of a target below `targets/`: its hash comes before its name (consistent snapshots)."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{sha256}.{name}"


def blob_path(digest: Digest) -> str:
    """Return the path of a blob, from the root of the repository, in the layout of `farm.store`."""
    return f"{BLOBS}/sha256/{digest.hex[:2]}/{digest.hex[2:]}"
