"""The packages of an existing image: described by the digests that it names, from this host or the channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.image.parts import ImagePart
from farm.client.image.records import Evidence
from farm.client.repository.earlier_releases import entry_of
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.layer import TAR_ZSTD
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from farm.client.image.known_image import KnownImage
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.download import Downloads
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage

_LARGEST = 256 << 20
"""The largest size of a description, in bytes: the digest identifies it, so this is only a bound."""


class UnknownArchiveError(FarmError):
    """Neither this host nor a channel knows which blob holds a package of an image."""

    code = "unknown-archive"

    def __init__(self, placed: PlacedPackage) -> None:
        super().__init__(
            f"{placed.name} {placed.full_version} is in no release that can be had here, so its layer is not known",
            remedy="Make the image anew with `farm image build`, or change it on the host that made it.",
        )


class Described:
    """Reads the descriptions of the packages of an image; the newest release of each channel is opened at most once."""

    def __init__(self, host: Host, *, channel: str = "") -> None:
        """`channel` is searched for packages that came from no channel."""
        self._host = host
        self._channel = channel
        self._catalogues: dict[str, Catalogue] = {}
        self._downloads: dict[str, Downloads] = {}

    def catalogue(self, placed: PlacedPackage) -> Catalogue:
        """Return the newest verified release of the channel that a package comes from."""
        channel = placed.channel or self._channel
        if channel not in self._catalogues:
            self._catalogues[channel] = self._host.catalogue(channel)
        return self._catalogues[channel]

    def part(self, image: KnownImage, placed: PlacedPackage) -> ImagePart:
        """Return a package of an image. Raises `DownloadError`, `UnknownArchiveError`, and what subscriptions raise."""
        descriptor = Descriptor.from_json(self._read(placed, placed.descriptor))
        evidence = self._evidence(image, placed)
        return ImagePart(
            descriptor,
            Manifest.from_json(self._read(placed, descriptor.tree)),
            PackageFacts.from_json(self._read(placed, descriptor.facts)),
            evidence.archive,
            channel=placed.channel,
            provenance=evidence.provenance,
            sbom=evidence.sbom,
            foreign=evidence.foreign,
            override=placed if placed.is_override else None,
            build=placed.build,
        )

    def parts(self, image: KnownImage) -> tuple[ImagePart, ...]:
        """Return all packages of an image. Raises as `part`."""
        return tuple(self.part(image, placed) for placed in image.record.packages)

    def document(self, placed: PlacedPackage, blob: BlobRef) -> bytes:
        """Return a document about a package, from this host or from its channel. Raises `DownloadError`."""
        return self._fetching(placed).read(blob, f"document about {placed.name}")

    def ensure(self, placed: PlacedPackage, blob: BlobRef) -> None:
        """Fetch the archive of a package unless it is on this host. Raises `DownloadError`."""
        if not self._host.blobs.has(blob.digest):
            self._fetching(placed).ensure(blob, f"archive of {placed.name}")

    def _read(self, placed: PlacedPackage, digest: Digest) -> bytes:
        try:
            return self._host.blobs.read(digest)
        except (MissingBlobError, CorruptBlobError):
            if not (placed.channel or self._channel) and self._host.blobs.has(digest):
                raise  # nothing else has it
        return self._fetching(placed).read(BlobRef(digest, _LARGEST), f"description of {placed.name}")

    def _fetching(self, placed: PlacedPackage) -> Downloads:
        channel = placed.channel or self._channel
        if channel not in self._downloads:
            self._downloads[channel] = self._host.downloads(self._host.subscriptions.find(channel))
        return self._downloads[channel]

    def _evidence(self, image: KnownImage, placed: PlacedPackage) -> Evidence:
        """Return the blobs that hold and describe a package: as recorded here, else as a release or the image says."""
        if image.kept and (found := image.kept.evidence.get(placed.descriptor)):
            return found
        foreign = bool(placed.channel) and placed.channel.partition("/")[0] != placed.name.distribution
        if placed.channel and not foreign and (entry := entry_of(self.catalogue(placed), placed)):
            return Evidence(entry.archive, entry.provenance, entry.sbom)
        for layer in image.image.layers if image.image else ():
            if layer.media_type == TAR_ZSTD and layer.holds == placed.store:
                return Evidence(layer.blob, None, None, foreign)
        raise UnknownArchiveError(placed)
