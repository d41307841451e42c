"""Restoring blobs of an image made here that the host's store has lost.

Packages come from their channels, the maker's own files from an engine that has the image; links, configuration and
documents are made again, with the same bytes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from farm.client.image.accounting import recomputed_image
from farm.client.image.evidence import referrers_of, release_head
from farm.client.image.known_image import LostImageError
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.records import ImageRecords
from farm.client.image.user_layer import own_files_of
from farm.client.repository.download import DownloadError
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.client.image.known_image import KnownImage
    from farm.client.image.user_layer import LayerSource
    from farm.client.repository.host import Host

T = TypeVar("T")


def with_repair(host: Host, images: Iterable[KnownImage], engine: LayerSource | None, action: Callable[[], T]) -> T:
    """Run `action`, which reads blobs of images; if one is missing or corrupt, restore the images and run it again.

    Raises what `repair_image` and `action` raise.
    """
    try:
        return action()
    except (MissingBlobError, CorruptBlobError):
        for image in images:
            repair_image(host, image, engine)
        return action()


def repair_image(host: Host, image: KnownImage, engine: LayerSource | None) -> None:
    """Restore every missing or corrupt blob of an image made here; of other images the store has no blobs.

    Reads all of them. Raises `LostImageError`, `DownloadError`, `SubscriptionError`, and what the engine raises.
    """
    if image.kept is None:
        return
    for blob in image.kept.blobs:
        try:
            host.blobs.verify(blob.digest)
        except CorruptBlobError:
            host.blobs.delete(blob.digest)
        except MissingBlobError:
            continue
    described = PackageDescriptions(host)
    parts = described.parts(image)
    described.ensure_archives(parts)
    for part in parts:
        with suppress(DownloadError):  # a mirror need not have it
            if part.provenance:
                described.document(part.placed, part.provenance)
    made = recomputed_image(host, image, described, parts, own_files_of(image, host.blobs, engine))
    heads = [release_head(host.pinned(release)) for release in image.record.releases]
    referrers = referrers_of(made, parts, heads, host.blobs)
    lost = next((blob.digest for blob in image.kept.image.blobs if not host.blobs.has(blob.digest)), None)
    if lost:
        raise LostImageError(image.name, lost)
    if not all(host.blobs.has(blob.digest) for blob in image.kept.blobs):
        # Another version of farm wrote other documents about the same packages; they are replaced.
        ImageRecords(host.state).keep(replace(image.kept, referrers=referrers))
