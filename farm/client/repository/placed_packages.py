"""Packages of a verified release, and the release itself, as the record of a set names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage


def placed_packages(catalogue: Catalogue, packages: Iterable[VerifiedPackage]) -> tuple[PlacedPackage, ...]:
    """Return the packages of a release as a set records them."""
    channel = f"{catalogue.release.distribution}/{catalogue.release.channel}"
    return tuple(
        package.placed
        or PlacedPackage(
            name=package.descriptor.name,
            version=str(package.descriptor.version),
            revision=package.descriptor.revision,
            descriptor=package.descriptor.digest,
            store=package.store,
            channel=channel,
            build=package.build,
        )
        for package in packages
    )


def release_ref(catalogue: Catalogue) -> ReleaseRef:
    """Return what names the release of a catalogue."""
    release = catalogue.release
    return ReleaseRef(release.distribution, release.channel, release.number, release.digest)
