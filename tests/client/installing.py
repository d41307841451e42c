"""What `farm install` does, as one call for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.generations import Generation, Root, describe_packages
from farm.client.host import Host, composition_of

if TYPE_CHECKING:
    from pathlib import Path


def install(host: Host, root: Path, *names: str) -> Generation:
    catalogue = host.catalogue()
    packages = catalogue.verified(names)
    unpacked = host.unpack(catalogue, packages, lambda _blob: None)
    release = catalogue.release
    wanted = Generation(
        number=0,
        distribution=release.distribution,
        channel=release.channel,
        release=release.number,
        package_set=release.package_set,
        asked=names,
        packages=describe_packages([(each.descriptor.digest, each.store) for each in packages]),
    )
    return Root(root).install(wanted, composition_of(packages).forest, unpacked)
