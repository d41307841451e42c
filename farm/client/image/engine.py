"""The images of a Docker Engine: inspecting them, and loading images of this host into it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from farm.container.image_store import EngineImages, ImageStore
from farm.container.sandbox import SandboxUnavailableError, connect
from farm.oci.image_archive import image_archive

if TYPE_CHECKING:
    from farm.container.image_store import Loaded
    from farm.oci.image import OciImage
    from farm.store.blobs import BlobStore


def docker_images(address: str) -> EngineImages | None:
    """Return the images of the Docker Engine at an address (empty: the machine's own), None where none answers."""
    try:
        return EngineImages(connect(address))
    except SandboxUnavailableError:
        return None


def load_into_docker(image: OciImage, store: BlobStore, reference: str, address: str) -> Loaded:
    """Load an image of the store under a name, sending what the engine lacks.

    Raises `SandboxUnavailableError`, the error `image-load`, and what reading a blob raises.
    """
    archive = partial(image_archive, image, store, reference=reference)
    return ImageStore(connect(address)).load(image, archive, reference=reference)
