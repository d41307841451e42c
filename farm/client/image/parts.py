"""The packages of an image: the data to compose, prove, describe and send each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.placed_packages import placed_package
from farm.core.names.printed_version import FIRST_BUILD
from farm.core.sets.members.member import Member

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
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
