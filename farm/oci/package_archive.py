"""What an image has to know of a package's archive. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef


@dataclass(frozen=True, slots=True)
class PackageArchive:
    """The canonical archive of the package at `/packages/<store>`, which is its layer as it stands.

    `blob` is the zstd blob, `diff_id` the digest of the uncompressed archive, `content_bytes` the size of the
    package's files together (from its manifest, so that it is the same whoever compressed the archive).
    """

    store: str
    diff_id: Digest
    blob: BlobRef
    content_bytes: int
