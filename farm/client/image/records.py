"""This host's records of the images that it made: one file `STATE/images/<digest>.json` for each.

The image itself names its packages. The record adds the releases they come from, the host's names for the image, where
it was pushed, and its blobs, so that it can be changed, compared and sent without an engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.core.names.form import Form
from farm.core.plan.job import BlobRef
from farm.core.sets.members.set_record import SetRecord
from farm.errors import FarmError
from farm.oci.image import OciImage
from farm.oci.image_reference import full_name
from farm.oci.layer import Layer
from farm.oci.referrers import Referrer
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.names.digest import Digest


@dataclass(frozen=True, slots=True)
class Evidence(Form, record="evidence of a package"):
    """The documents that a release names for one package: its archive, provenance and SBOM."""

    archive: BlobRef
    provenance: BlobRef | None
    sbom: BlobRef | None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class ImageRecord(Form, record="record of an image", keys={"record": "set"}, constants={"format": 1}):
    """One image of this host. `made` is RFC 3339 in UTC, `names` are its names, `pushed` where it was pushed.

    Both are sorted. `evidence` is by descriptor.
    """

    config: BlobRef
    manifest: BlobRef
    layers: tuple[Layer, ...]
    record: SetRecord
    made: str
    names: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    referrers: tuple[Referrer, ...] = ()

    @property
    def image(self) -> OciImage:
        """The image itself."""
        return OciImage(self.config, self.manifest, self.layers)

    @property
    def digest(self) -> Digest:
        """The digest of the image's manifest."""
        return self.manifest.digest

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        """Every blob that the image needs: none may be removed while the record exists."""
        return tuple(
            dict.fromkeys(
                [
                    *self.image.blobs,
                    *(blob for referrer in self.referrers for blob in (referrer.manifest, *referrer.blobs)),
                ]
            )
        )

    def called(self, name: str) -> tuple[str, ...]:
        """Return which of its names equal this one, in any spelling."""
        return tuple(own for own in self.names if full_name(own) == full_name(name))


class ImageRecords:
    """The records of one host's images."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "images"

    def all(self) -> Iterator[ImageRecord]:
        """Yield all records, sorted by digest. Raises `invalid-image-record`."""
        if self._folder.is_dir():
            for path in sorted(self._folder.glob("*.json")):
                yield self._read(path)

    def find(self, name: str) -> ImageRecord | None:
        """Return the image of a digest or an image id, or the one called a name (`:latest` without a tag)."""
        for image in self.all():
            if name in (image.digest, image.image.image_id) or image.called(name):
                return image
        return None

    def forget(self, record: ImageRecord, name: str = "") -> ImageRecord | None:
        """Remove a name from a record, or the record with its last name or where none is given; return what is left.

        Blobs that only a removed record needed may be removed then.
        """
        left = tuple(own for own in record.names if own not in record.called(name))
        if name and left:
            self._write(shorter := replace(record, names=left))
            return shorter
        (self._folder / f"{record.digest.hex}.json").unlink(missing_ok=True)
        return None

    def keep(self, record: ImageRecord) -> ImageRecord:
        """Store a record, merged with an earlier one, and return it. Other records lose its names."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = next((image for image in self.all() if image.digest == record.digest), None)
        if before:
            record = replace(
                record,
                names=tuple(sorted({*before.names, *record.names})),
                pushed=tuple(sorted({*before.pushed, *record.pushed})),
            )
        for other in list(self.all()):
            lost = {own for name in record.names for own in other.called(name)}
            if other.digest != record.digest and lost:
                self._write(replace(other, names=tuple(sorted(set(other.names) - lost))))
        self._write(record)
        return record

    def _write(self, record: ImageRecord) -> None:
        replace_file(self._folder / f"{record.digest.hex}.json", record.to_json())

    def _read(self, path: Path) -> ImageRecord:
        try:
            return ImageRecord.from_dict(json.loads(path.read_bytes()))
        except (ValueError, FarmError) as error:
            raise FarmError(
                f"{path} is not a record of an image: {error}",
                remedy="Remove it; the image itself is not touched.",
                code="invalid-image-record",
            ) from error
