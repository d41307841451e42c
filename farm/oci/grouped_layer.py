"""Several packages in one layer, for sets that have more packages than an image may have layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.plan.job import BlobRef
from farm.oci.layer import TAR, Layer
from farm.store.decompress import archive_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.oci.package_archive import PackageArchive
    from farm.store.blobs import BlobStore


def grouped_layer(archives: Sequence[PackageArchive], store: BlobStore) -> Layer:
    """Join the archives of these packages, in this order, to one uncompressed tar, and put it into the store.

    Each keeps its headers, that of the `packages` directory too, which tar allows to come again.
    """
    with store.writer() as writer:
        for archive in archives:
            with store.open(archive.blob.digest) as compressed:
                for piece in _without_trailer(archive_chunks(compressed)):
                    writer.write(piece)
        writer.write(ArchiveWriter.trailer())
        blob = BlobRef(writer.commit(), writer.size)
    return Layer(blob.digest, blob, TAR, held_by(archives))


def held_by(archives: Sequence[PackageArchive]) -> str:
    """Say in words what a layer of these packages holds: their store paths."""
    return " ".join(archive.store for archive in archives)


def _without_trailer(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    size = len(ArchiveWriter.trailer())
    for chunk in chunks:
        held += chunk
        yield held[:-size]
        held = held[-size:]
