"""The image that a tag of the farm's registry means: these packages of one release, and nothing else said.

The registry makes it for whoever pulls, the signer makes it again before it says what it is made of: by this one code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.image_defaults import plain_config
from farm.client.image_making import make_image
from farm.client.image_sbom import image_sbom
from farm.errors import FarmError
from farm.fileset import ArchiveWriter
from farm.names import PackageName, canonical_json
from farm.oci.layer_plan import MOST_PACKAGE_LAYERS
from farm.oci.plain_image import with_plain_layers
from farm.plan.record import Record
from farm.trust.image_statement import image_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from farm.blobs import BlobStore
    from farm.client.image_evidence import ReleaseHead
    from farm.client.image_making import MadeImage
    from farm.client.image_parts import ImagePart
    from farm.oci.layer import Layer

MOST_PACKAGES = 32
"""How many packages may be named. Clients of registries stop at names of 255 letters."""
_WHAT = "question for an image"


class UnsignableImageError(FarmError):
    """The signer does not say what an image is made of."""

    code = "unsignable-image"


@dataclass(frozen=True, slots=True)
class AskedImage:
    """Which image is meant: packages of a release by its number, with uncompressed layers where it is `plain`."""

    channel: str
    number: int
    packages: tuple[str, ...]
    plain: bool

    def to_json(self) -> bytes:
        """Return it as canonical JSON."""
        return canonical_json(
            {"channel": self.channel, "number": self.number, "packages": list(self.packages), "plain": self.plain}
        )

    @classmethod
    def from_json(cls, content: bytes) -> AskedImage:
        """Read what `to_json` gave. Raises `UnsignableImageError`."""
        try:
            record = Record(json.loads(content), _WHAT)
            plain: Any = record.value("plain")
            asked = cls(record.text("channel"), record.number("number", minimum=1), record.texts("packages"), plain)
            record.end()
            for each in asked.packages:
                PackageName("dist.example.org", each)
        except (ValueError, RecursionError, FarmError) as error:
            raise UnsignableImageError(f"this is no {_WHAT}: {error}") from error
        if not isinstance(plain, bool) or not 0 < len(asked.packages) <= MOST_PACKAGES:
            raise UnsignableImageError(f"this is no {_WHAT}: it names {len(asked.packages)} packages")
        if list(asked.packages) != sorted(set(asked.packages)):
            raise UnsignableImageError(f"this is no {_WHAT}: its packages are not sorted, or one is there twice")
        return asked


def released_image(
    parts: Sequence[ImagePart],
    head: ReleaseHead,
    asked: Iterable[str],
    store: BlobStore,
    *,
    known: Iterable[Layer] = (),
    described: bool = True,
) -> MadeImage:
    """Make the image of packages of a release, `parts`, of which `asked` were named. Raises as `make_image`."""
    names = tuple(asked)
    config = plain_config(parts[0].descriptor.platform, names)
    return make_image(parts, config, store, asked=names, releases=[head.ref], known=known, described=described)


def statement_of(asked: AskedImage, parts: Sequence[ImagePart], head: ReleaseHead, store: BlobStore) -> dict[str, Any]:
    """Return what is true of an image: its digest, worked out here, and what it is made of.

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
        sizes = {part.descriptor.diff_id: _archive_size(part) for part in parts}
        made = replace(made, image=with_plain_layers(made.image, sizes, store))
    name = "/".join((head.ref.distribution, asked.channel, *asked.packages))
    return image_statement(made.image.digest, name, image_sbom(made, parts, head.released_at))


def _archive_size(part: ImagePart) -> int:
    return ArchiveWriter(f"packages/{part.descriptor.store_path}").size(part.manifest)
