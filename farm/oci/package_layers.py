"""The layers of an image that hold packages: each package alone, or several in one layer where there are too many.

docs/decisions/layers-of-large-images.md has the figures.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.plan.job import BlobRef
from farm.oci.layer import TAR, Layer
from farm.store.decompress import archive_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class PackageArchive:
    """The canonical archive of the package at `/packages/<store>`, which is a layer by itself.

    `blob` is the zstd blob, `diff_id` the digest of the uncompressed archive, `content_bytes` the total size of the
    package's files (from its manifest, and so the same for every compression).
    """

    store: str
    diff_id: Digest
    blob: BlobRef
    content_bytes: int


MOST_PACKAGE_LAYERS = 120
"""Layers for packages. Engines allow 125 or 127, and the links and the user's own files need theirs."""
GROUPS = 40
"""The number of layers that the smaller packages of a large image share."""


def layer_plan(archives: Iterable[PackageArchive]) -> list[tuple[PackageArchive, ...]]:
    """Divide packages into layers, lowest first: each package alone, the largest lowest, if there are few enough.

    An engine unpacks again all layers above a changed one, so large packages lie low. Of more than
    `MOST_PACKAGE_LAYERS` packages the largest stay alone, and each of the others has its group by the hash of its
    name: so another build of it changes only that group, and a new or removed package moves no other.
    """
    ordered = sorted(archives, key=lambda archive: (-archive.content_bytes, archive.store))
    if len(ordered) <= MOST_PACKAGE_LAYERS:
        return [(archive,) for archive in ordered]
    alone = MOST_PACKAGE_LAYERS - GROUPS
    groups: defaultdict[int, list[PackageArchive]] = defaultdict(list)
    for archive in ordered[alone:]:
        groups[_group(archive.store)].append(archive)
    shared = [tuple(sorted(groups[number], key=attrgetter("store"))) for number in sorted(groups)]
    return [*((archive,) for archive in ordered[:alone]), *shared]


def _group(store: str) -> int:
    name = store.rsplit("-", 2)[0]
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % GROUPS


def grouped_layer(archives: Sequence[PackageArchive], store: BlobStore) -> Layer:
    """Join the archives of these packages, in this order, into one uncompressed tar in the store.

    Each keeps its headers, also that of the `packages` directory, which tar allows to repeat.
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
    """Return the content of a layer of these packages in words: their store paths."""
    return " ".join(archive.store for archive in archives)


def _without_trailer(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    size = len(ArchiveWriter.trailer())
    for chunk in chunks:
        held += chunk
        yield held[:-size]
        held = held[-size:]
