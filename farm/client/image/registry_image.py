"""The image that a tag of the farm's registry refers to: packages of one release, with no further settings.

The registry makes the image on demand, and the signer makes it again before it attests its content: both with this
code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.image.making import make_image, plain_config
from farm.client.image.sbom import image_sbom
from farm.core.fileset.archive import ArchiveWriter
from farm.oci.image import with_plain_layers
from farm.oci.package_layers import MOST_PACKAGE_LAYERS
from farm.trust.attestation.image_request import UnsignableImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.client.image.evidence import ReleaseHead
    from farm.client.image.making import MadeImage
    from farm.client.image.package_set import ImagePart
    from farm.core.names.digest import Digest
    from farm.oci.layer import Layer
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.image_request import AskedImage


def released_image(
    parts: Sequence[ImagePart],
    head: ReleaseHead,
    asked: Iterable[str],
    store: BlobStore,
    *,
    known: Iterable[Layer] = (),
    described: bool = True,
) -> MadeImage:
    """Make the image of packages of a release, `parts`, with `asked` as the requested names. Raises as `make_image`."""
    names = tuple(asked)
    config = plain_config(parts[0].descriptor.platform, names)
    return make_image(parts, config, store, asked=names, releases=[head.ref], known=known, described=described)


def described_image(
    asked: AskedImage, parts: Sequence[ImagePart], head: ReleaseHead, store: BlobStore
) -> tuple[Digest, bytes]:
    """Return what a statement about an image attests: the digest of its manifest, computed here, and its SBOM.

    No archive is read, so `store` need not have them. Raises `UnsignableImageError` for a set whose layers hold several
    packages, and as `make_image`.
    """
    if len(parts) > MOST_PACKAGE_LAYERS:
        raise UnsignableImageError(
            f"the set has {len(parts)} packages: of more than {MOST_PACKAGE_LAYERS} some share layers, which would "
            "have to be made of their archives"
        )
    made = released_image(parts, head, asked.packages, store)
    if asked.plain:
        sizes = {
            part.descriptor.diff_id: ArchiveWriter(f"packages/{part.descriptor.store_path}").size(part.manifest)
            for part in parts
        }
        made = replace(made, image=with_plain_layers(made.image, sizes, store))
    return made.image.digest, image_sbom(made.image, made.record, parts, head.released_at)
