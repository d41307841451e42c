"""A layer of an image, its content descriptor, and its uncompressed tar (OCI image specification)."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.plan.job import BlobRef
from farm.store.blobs import pieces_of
from farm.store.decompress import archive_chunks
from farm.store.errors import UndecodableArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.store.blobs import BlobStore


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
TAR_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
TAR_GZIP = ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip")
"""The media types of layers that other tools compressed when they copied an image: OCI's and Docker's."""


@dataclass(frozen=True, slots=True)
class Layer(Form, record="layer"):
    """A layer: the digest of its uncompressed tar, the blob as it is stored and sent, and its content in words."""

    diff_id: Digest
    blob: BlobRef
    media_type: str
    holds: str

    def descriptor(self) -> dict[str, Any]:
        """Return the content descriptor."""
        return content_descriptor(self.blob, self.media_type)


def content_descriptor(blob: BlobRef, media_type: str) -> dict[str, Any]:
    """Return the content descriptor of a blob (OCI image specification, descriptor.md)."""
    return {"digest": blob.digest, "mediaType": media_type, "size": blob.size}


def put_blob(store: BlobStore, content: bytes) -> BlobRef:
    """Store a document, and return the reference to it."""
    return BlobRef(store.put_bytes(content), len(content))


def layer_content(stream: BinaryIO, media_type: str) -> Iterator[bytes]:
    """Yield the uncompressed tar of a layer in pieces, however a tool has stored it.

    Raises `UndecodableArchiveError`, also for a media type that is not of a layer.
    """
    if media_type == TAR:
        yield from pieces_of(stream)
    elif media_type == TAR_ZSTD:
        yield from archive_chunks(stream)
    elif media_type in TAR_GZIP:
        try:
            with gzip.open(stream) as content:
                yield from pieces_of(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UndecodableArchiveError(str(error)) from error
    else:
        raise UndecodableArchiveError(f"it is stored as {media_type[:100]!r}")
