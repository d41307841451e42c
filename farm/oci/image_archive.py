"""An image as one tar that both Docker and OCI tools load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import File
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.oci.image_reference import check_reference
from farm.oci.layer import TAR_ZSTD
from farm.oci.layout import LAYOUT, image_index, index_entry
from farm.store.decompress import archive_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.oci.image import OciImage
    from farm.oci.layer import Layer
    from farm.store.blobs import BlobStore


def image_archive(
    image: OciImage,
    store: BlobStore,
    *,
    reference: str = "",
    without: frozenset[Digest] = frozenset(),
    plain: bool = False,
) -> Iterator[bytes]:
    """Yield a tar that is a docker-archive and, unless layers are left out or uncompressed, an OCI layout too.

    `reference` (`name:tag`) will be the name of the image. The layers whose diff_ids are in `without` are named and not
    sent, for an engine that has them. `plain` sends layers uncompressed, for an engine that should not decompress them.
    Raises the error `invalid-image-reference`, and what reading a blob raises.
    """
    check_reference(reference)
    sent = [layer for layer in image.layers if layer.diff_id not in without]
    documents = {"manifest.json": _docker_manifest(image, reference, plain=plain)}
    if len(sent) == len(image.layers) and not plain:
        documents |= {"index.json": image_index([index_entry(image, reference)]), "oci-layout": LAYOUT}
        sent_documents = [image.config, image.manifest]
    else:
        sent_documents = [image.config]
    writer = ArchiveWriter("")
    for name, document in documents.items():
        yield writer.header(File(name, len(document), Digest.of(document)))
        yield document + writer.padding(len(document))
    for blob in sent_documents:
        yield from _member(writer, blob.digest, blob.size, store.pieces(blob.digest))
    for layer in {layer.diff_id: layer for layer in sent}.values():
        if plain and layer.media_type == TAR_ZSTD:
            # The size comes before the content, which is read twice rather than kept.
            size = sum(len(piece) for piece in _plain_pieces(store, layer))
            yield from _member(writer, layer.diff_id, size, _plain_pieces(store, layer))
        else:
            yield from _member(writer, layer.blob.digest, layer.blob.size, store.pieces(layer.blob.digest))
    yield writer.trailer()


def _member(writer: ArchiveWriter, digest: Digest, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield writer.header(File(_blob_path(digest), size, digest))
    yield from pieces
    yield writer.padding(size)


def _plain_pieces(store: BlobStore, layer: Layer) -> Iterator[bytes]:
    with store.open(layer.blob.digest) as stream:
        yield from archive_chunks(stream)


def _docker_manifest(image: OciImage, reference: str, *, plain: bool) -> bytes:
    def path(layer: Layer) -> str:
        return _blob_path(layer.diff_id if plain and layer.media_type == TAR_ZSTD else layer.blob.digest)

    return canonical_json(
        [
            {
                "Config": _blob_path(image.config.digest),
                "Layers": [path(layer) for layer in image.layers],
                "RepoTags": [reference] if reference else None,
            }
        ]
    )


def _blob_path(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"
