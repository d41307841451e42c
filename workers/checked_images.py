"""Works out what an image of released packages is: asked for by the signer, which reads nothing of it itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.client.catalogue import Catalogue
from farm.client.download import Downloads
from farm.client.image_evidence import release_head
from farm.client.image_parts import parts_of
from farm.client.readers import DirectoryReader
from farm.client.released_image import described_image
from farm.names import Digest
from farm.trust.asked_image import UnsignableImageError
from farm.trust.checked import CheckedImage
from farm.trust.earlier_release import numbered_release
from farm.trust.layout import BLOBS

if TYPE_CHECKING:
    from farm.trust.asked_image import AskedImage
    from farm.trust.imports import Import
    from farm.trust.repository import Repository


def make_image(repository: Repository, asked: AskedImage) -> CheckedImage:
    """Return what an image of published packages is.

    Raises `UnsignableImageError`, `RepositoryStateError`, and what verifying packages and making images raise.
    """
    published = repository.current(asked.channel)
    if published.release is None:
        raise UnsignableImageError(f"nothing is published on {asked.channel}")
    blobs = BlobStore(repository.root / BLOBS)
    release = numbered_release(published.release, asked.number, lambda blob: blobs.read(blob.digest))
    catalogue = Catalogue(
        release, repository.builders, Downloads(DirectoryReader(repository.root), blobs), _refuse_foreign
    )
    parts = parts_of(catalogue, catalogue.verified(asked.packages))
    with TemporaryDirectory(prefix="farm-image-") as folder:
        image, sbom = described_image(asked, parts, release_head(catalogue), BlobStore(Path(folder)))
    return CheckedImage(asked=Digest.of(asked.to_json()), image=image, sbom=sbom)


def _refuse_foreign(pin: Import) -> Catalogue:
    raise UnsignableImageError(f"the set holds packages of {pin.distribution}, which this farm does not hand on")
