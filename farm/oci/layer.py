"""One layer of an image, as the OCI image specification knows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
TAR_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
TAR_GZIP = ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip")
"""What other tools make of a layer when they copy an image, in OCI's words and in Docker's."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: the digest of its uncompressed tar, the blob as it is stored and sent, and what it holds, in words."""

    diff_id: Digest
    blob: BlobRef
    media_type: str
    holds: str

    def descriptor(self) -> dict[str, Any]:
        """Return the content descriptor (OCI image specification, descriptor.md)."""
        return {"digest": self.blob.digest, "mediaType": self.media_type, "size": self.blob.size}
