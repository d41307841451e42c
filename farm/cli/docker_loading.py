"""From an image in the store into a Docker Engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.output import say

if TYPE_CHECKING:
    from farm.cli.settings import Settings
    from farm.container.image_store import Loaded
    from farm.oci.image import OciImage
    from farm.store.blobs import BlobStore


def load(image: OciImage, store: BlobStore, reference: str, settings: Settings, *, err: bool = False) -> Loaded:
    """Load the image under a name, sending what the engine lacks, and say how much that was (with `err` on stderr)."""
    from functools import partial

    from farm.container.image_store import ImageStore
    from farm.container.sandbox import connect
    from farm.oci.image_archive import image_archive

    archive = partial(image_archive, image, store, reference=reference)
    loaded = ImageStore(connect(settings.docker)).load(image, archive, reference=reference)
    say(f"{reference}: in Docker as {loaded.id[:19]}, {loaded.layers_sent} of {len(image.layers)} layers sent", err=err)
    return loaded


def now() -> str:
    """Return the time as records have it: RFC 3339 in UTC, to the second."""
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
