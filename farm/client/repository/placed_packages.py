"""Packages of a verified release, and the release itself, as the record of a set names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.printed_version import FIRST_BUILD
from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.core.package.descriptor import Descriptor
    from farm.trust.index.release_index import Release


def placed_package(descriptor: Descriptor, channel: str = "", build: int = FIRST_BUILD) -> PlacedPackage:
    """Return a package as a set records it; `channel` is empty for a local build."""
    return PlacedPackage(
        name=descriptor.name,
        version=str(descriptor.version),
        revision=descriptor.revision,
        descriptor=descriptor.digest,
        store=descriptor.store_path,
        channel=channel,
        build=build,
    )


def placed_packages(catalogue: Catalogue, packages: Iterable[VerifiedPackage]) -> tuple[PlacedPackage, ...]:
    """Return the packages of a release as a set records them."""
    channel = catalogue.release.subscription
    return tuple(package.placed or placed_package(package.descriptor, channel, package.build) for package in packages)


def release_ref(release: Release) -> ReleaseRef:
    """Return what names a release."""
    return ReleaseRef(release.distribution, release.channel, release.number, release.digest)
