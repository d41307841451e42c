"""An image on its way out: as one tar that Docker and OCI tools both load, or as an OCI layout directory."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from farm.blobs import archive_chunks
from farm.errors import FarmError
from farm.fileset import ArchiveWriter, File
from farm.names import Digest, canonical_json
from farm.oci.image import MANIFEST, OciImage
from farm.oci.layer import TAR_ZSTD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.blobs import BlobStore
    from farm.oci.layer import Layer

_PIECE = 1 << 20
_LAYOUT = canonical_json({"imageLayoutVersion": "1.0.0"})
# distribution/reference: an optional host, lower-case path components, an optional tag.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}"
)


class InvalidReferenceError(FarmError):
    """A text is no name for an image."""

    code = "invalid-image-reference"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:200]!r} is not a name for an image", remedy="Write it as name:tag or host/name:tag, lower-case."
        )


def image_archive(
    image: OciImage,
    store: BlobStore,
    *,
    reference: str = "",
    without: frozenset[Digest] = frozenset(),
    plain: bool = False,
) -> Iterator[bytes]:
    """Give a tar that is a docker-archive and, where nothing is left out or unpacked, an OCI layout too.

    `reference` (`name:tag`) is what the image will be called. The layers whose diff_ids are in `without` are named
    and not sent, for an engine that has them. `plain` sends layers uncompressed, for an engine that had better not
    decompress them itself. Raises `InvalidReferenceError`, and what reading a blob raises.
    """
    _check(reference)
    sent = [layer for layer in image.layers if layer.diff_id not in without]
    documents = {"manifest.json": _docker_manifest(image, reference, plain=plain)}
    if len(sent) == len(image.layers) and not plain:
        documents |= {"index.json": _index(image, reference), "oci-layout": _LAYOUT}
        sent_documents = [image.config, image.manifest]
    else:
        sent_documents = [image.config]
    writer = ArchiveWriter("")
    for name, document in documents.items():
        yield writer.header(File(name, len(document), Digest.of(document)))
        yield document + writer.padding(len(document))
    for blob in sent_documents:
        yield from _member(writer, blob.digest, blob.size, _pieces(store, blob.digest))
    for layer in {layer.diff_id: layer for layer in sent}.values():
        if plain and layer.media_type == TAR_ZSTD:
            # The size stands before the content: it is read twice rather than kept anywhere.
            size = sum(len(piece) for piece in _plain_pieces(store, layer))
            yield from _member(writer, layer.diff_id, size, _plain_pieces(store, layer))
        else:
            yield from _member(writer, layer.blob.digest, layer.blob.size, _pieces(store, layer.blob.digest))
    yield writer.trailer()


def _member(writer: ArchiveWriter, digest: Digest, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield writer.header(File(_blob_path(digest), size, digest))
    yield from pieces
    yield writer.padding(size)


def _pieces(store: BlobStore, digest: Digest) -> Iterator[bytes]:
    with store.open(digest) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _plain_pieces(store: BlobStore, layer: Layer) -> Iterator[bytes]:
    with store.open(layer.blob.digest) as stream:
        yield from archive_chunks(stream)


def write_layout(image: OciImage, store: BlobStore, directory: Path, *, reference: str = "") -> None:
    """Write the image as an OCI layout (image-layout.md) into a new directory, its index last.

    Raises `FileExistsError` where the directory exists, `InvalidReferenceError`, and what reading a blob raises.
    """
    _check(reference)
    blobs = directory / "blobs" / "sha256"
    directory.mkdir(parents=True)
    blobs.mkdir(parents=True)
    for blob in dict.fromkeys([*(layer.blob for layer in image.layers), image.config, image.manifest]):
        with store.open(blob.digest) as source, (blobs / blob.digest.hex).open("xb") as target:
            shutil.copyfileobj(source, target, _PIECE)
    (directory / "oci-layout").write_bytes(_LAYOUT)
    (directory / "index.json").write_bytes(_index(image, reference))


def _index(image: OciImage, reference: str) -> bytes:
    entry: dict[str, object] = {"digest": image.digest, "mediaType": MANIFEST, "size": image.manifest.size}
    if reference:
        # containerd takes the full name from its own annotation, OCI tools the tag from theirs.
        tag = reference.rpartition(":")[2]
        entry["annotations"] = {
            "io.containerd.image.name": _full_name(reference),
            "org.opencontainers.image.ref.name": tag,
        }
    return canonical_json(
        {"manifests": [entry], "mediaType": "application/vnd.oci.image.index.v1+json", "schemaVersion": 2}
    )


def _full_name(reference: str) -> str:
    """Say in full what Docker leaves out of a familiar name (distribution/reference, `ParseNormalizedNamed`)."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if "." in first or ":" in first or first == "localhost" else f"docker.io/{reference}"


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


def _check(reference: str) -> None:
    if reference and not _REFERENCE.fullmatch(reference):
        raise InvalidReferenceError(reference)
