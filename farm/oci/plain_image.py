"""The same image with its layers uncompressed, for engines that had better not decompress them.

Its configuration, and so what Docker calls the image, stays; its manifest is another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.blobs import archive_chunks
from farm.oci.image import OciImage, manifest_of
from farm.oci.layer import TAR, TAR_ZSTD
from farm.plan import BlobRef

if TYPE_CHECKING:
    from farm.blobs import BlobStore
    from farm.oci.layer import Layer


def plain_image(image: OciImage, store: BlobStore) -> OciImage:
    """Return the image with uncompressed layers, all in the store. Layers that are there so already are not read.

    Raises `BlobMismatchError` where an archive does not hold what its layer's diff_id says.
    """
    layers = tuple(_plain(layer, store) for layer in image.layers)
    content = manifest_of(image.config, layers)
    return OciImage(image.config, BlobRef(store.put_bytes(content), len(content)), layers)


def _plain(layer: Layer, store: BlobStore) -> Layer:
    if layer.media_type != TAR_ZSTD:
        return layer
    if not store.has(layer.diff_id):
        with store.open(layer.blob.digest) as compressed, store.writer() as writer:
            for piece in archive_chunks(compressed):
                writer.write(piece)
            writer.commit(layer.diff_id)
    return replace(layer, blob=BlobRef(layer.diff_id, store.size(layer.diff_id)), media_type=TAR)
