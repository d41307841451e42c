"""The same image with its layers uncompressed, for engines that had better not decompress them.

Its configuration, and so what Docker calls the image, stays; its manifest is another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.plan.job import BlobRef
from farm.oci.image import OciImage, manifest_of
from farm.oci.layer import TAR, TAR_ZSTD
from farm.store.decompress import archive_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.oci.layer import Layer
    from farm.store.blobs import BlobStore


def plain_image(image: OciImage, store: BlobStore) -> OciImage:
    """Return the image with uncompressed layers, all in the store. Layers that are there so already are not read.

    Raises `BlobMismatchError` where an archive does not hold what its layer's diff_id says.
    """
    compressed = [layer for layer in image.layers if layer.media_type == TAR_ZSTD]
    for layer in compressed:
        _unpack(layer, store)
    return with_plain_layers(image, {layer.diff_id: store.size(layer.diff_id) for layer in compressed}, store)


def with_plain_layers(image: OciImage, sizes: Mapping[Digest, int], store: BlobStore) -> OciImage:
    """Return the image with its compressed layers uncompressed, of which only the sizes are known, by diff_id."""
    layers = tuple(
        replace(layer, blob=BlobRef(layer.diff_id, sizes[layer.diff_id]), media_type=TAR)
        if layer.media_type == TAR_ZSTD
        else layer
        for layer in image.layers
    )
    content = manifest_of(image.config, layers)
    return OciImage(image.config, BlobRef(store.put_bytes(content), len(content)), layers)


def _unpack(layer: Layer, store: BlobStore) -> None:
    if not store.has(layer.diff_id):
        with store.open(layer.blob.digest) as compressed, store.writer() as writer:
            for piece in archive_chunks(compressed):
                writer.write(piece)
            writer.commit(layer.diff_id)
