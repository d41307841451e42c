"""The packages of an image: of a release, or by the digests that an image names, from this host or the channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.image.records import Evidence
from farm.client.repository.descriptions import Descriptions
from farm.client.repository.earlier_releases import entry_of
from farm.client.repository.placed_packages import placed_package
from farm.core.names.printed_version import FIRST_BUILD
from farm.core.sets.members.member import Member
from farm.errors import FarmError
from farm.oci.layer import TAR_ZSTD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.image.known_image import KnownImage
    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.job import BlobRef
    from farm.core.sets.members.set_record import PlacedPackage


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A package of an image.

    `channel` is the subscription whose release brought it, empty for a local build. `provenance` and `sbom` are the
    documents that the release names; None where there are none. `foreign`: it belongs to another distribution than the
    channel. `override` is its record in a set where it replaces a package of the release. `build` is its number.
    """

    descriptor: Descriptor
    manifest: Manifest
    facts: PackageFacts
    archive: BlobRef
    channel: str = ""
    provenance: BlobRef | None = None
    sbom: BlobRef | None = None
    foreign: bool = False
    override: PlacedPackage | None = None
    build: int = FIRST_BUILD

    @property
    def member(self) -> Member:
        """The package as a member of a set."""
        return Member.of(self.descriptor, self.facts, self.manifest, imported=self.foreign, build=self.build)

    @property
    def content_bytes(self) -> int:
        """The total size of its files, in bytes."""
        return sum(file.size for file in self.manifest.files())

    @property
    def placed(self) -> PlacedPackage:
        """The package as the record of a set names it."""
        return self.override or placed_package(self.descriptor, self.channel, self.build)


def parts_of(catalogue: Catalogue, packages: Iterable[VerifiedPackage]) -> tuple[ImagePart, ...]:
    """Return verified packages of a release as parts of an image."""
    channel = catalogue.release.subscription
    return tuple(
        ImagePart(
            descriptor=package.descriptor,
            manifest=package.manifest,
            facts=package.facts,
            archive=package.entry.archive,
            channel=package.placed.channel if package.placed else channel,
            provenance=package.entry.provenance,
            sbom=package.entry.sbom,
            foreign=package.is_imported,
            override=package.placed if package.placed and package.placed.is_override else None,
            build=package.build,
        )
        for package in packages
    )


class UnknownArchiveError(FarmError):
    """Neither this host nor a channel knows which blob holds a package of an image."""

    code = "unknown-archive"

    def __init__(self, placed: PlacedPackage) -> None:
        super().__init__(
            f"{placed.name} {placed.full_version} is in no release that can be had here, so its layer is not known",
            remedy="Build the image again with `farm image build`, or change it on the host that made it.",
        )


class PackageDescriptions(Descriptions):
    """Reads the descriptions of the packages of an image; the newest release of each channel is opened at most once."""

    def __init__(self, host: Host, *, channel: str = "") -> None:
        """`channel` is searched for packages that came from no channel."""
        super().__init__(host, channel=channel)
        self._catalogues: dict[str, Catalogue] = {}

    def catalogue(self, placed: PlacedPackage) -> Catalogue:
        """Return the newest verified release of the channel that a package comes from."""
        channel = placed.channel or self._channel
        if channel not in self._catalogues:
            self._catalogues[channel] = self._host.catalogue(channel)
        return self._catalogues[channel]

    def part(self, image: KnownImage, placed: PlacedPackage) -> ImagePart:
        """Return a package of an image. Raises `DownloadError`, `UnknownArchiveError`, and what subscriptions raise."""
        described = self.described(placed)
        evidence = self._evidence(image, placed)
        return ImagePart(
            *described,
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

    def ensure_archives(self, parts: Iterable[ImagePart]) -> None:
        """Fetch the archives that this host no longer has. Raises `DownloadError`."""
        for part in parts:
            self.ensure(part.placed, part.archive)

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
