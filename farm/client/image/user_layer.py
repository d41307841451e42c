"""The user's own files of an existing image: their layer, and the files in it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from farm.client.image.making import files_in
from farm.core.fileset.manifest import Manifest
from farm.core.plan.job import BlobRef
from farm.oci.layer import TAR, Layer, layer_content
from farm.oci.layout import take_blobs
from farm.oci.own_files import HOLDS, OwnFiles, OwnFilesError, read_own_layer
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.client.image.known_image import KnownImage
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore


class LayerSource(Protocol):
    """An engine that exports layers."""

    def layer(self, name: str, diff_id: Digest) -> Iterator[bytes]:
        """Yield one uncompressed layer of an image in chunks."""


def own_files_of(image: KnownImage, store: BlobStore, engine: LayerSource | None) -> OwnFiles | None:
    """Return the user's own files of an image, None where it has none; puts their layer into the store.

    Raises `OwnFilesError`, `LayoutError`, `BlobMismatchError`, `UndecodableArchiveError`, and what the engine raises.
    """
    diff_id = image.own
    if diff_id is None:
        return None
    if not store.has(diff_id):
        _bring(image, diff_id, store, engine)
    layer = Layer(diff_id, BlobRef(diff_id, store.size(diff_id)), TAR, HOLDS)
    tree = files_in(image.labels)
    if tree is not None:
        with suppress(MissingBlobError, CorruptBlobError):
            return OwnFiles(Manifest.from_json(store.read(tree)), layer)
    manifest = read_own_files(image, diff_id, store, engine)
    store.put_bytes(manifest.to_json())
    return OwnFiles(manifest, layer)


def read_own_files(image: KnownImage, diff_id: Digest, store: BlobStore, engine: LayerSource | None) -> Manifest:
    """Read the layer of own files from the store; a damaged layer is read from the engine again.

    Raises as `own_files_of`.
    """
    try:
        with store.open(diff_id) as stream:
            return read_own_layer(stream)
    except CorruptBlobError:
        store.delete(diff_id)
    _bring(image, diff_id, store, engine)
    with store.open(diff_id) as stream:
        return read_own_layer(stream)


def _bring(image: KnownImage, diff_id: Digest, store: BlobStore, engine: LayerSource | None) -> None:
    if image.directory and image.image:
        layer = next(layer for layer in image.image.layers if layer.diff_id == diff_id)
        take_blobs(image.directory, [layer.blob], store)
        if layer.blob.digest != diff_id:  # another tool has compressed it
            with store.open(layer.blob.digest) as stream:
                store.put(layer_content(stream, layer.media_type), diff_id)
    elif engine:
        store.put(engine.layer(image.name, diff_id), diff_id)
    else:
        raise OwnFilesError(
            f"{image.name}: the layer of own files, {diff_id}, is not on this host",
            remedy="Build the image again with `farm image build`, or load it into Docker from where it was pushed.",
        )
