"""Sets of packages in which it is asked who needs what: of a root, an image, or a channel's newest release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.image.package_set import Described
from farm.client.root.generations import Root
from farm.client.root.installed_set import InstalledSet
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.image.known_image import KnownImage
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host


@dataclass(frozen=True, slots=True)
class NeedSet:
    """A set, what people call it, what brings the facts of a member by its name, and what was asked for by name."""

    where: str
    packages: PackageSet
    facts: Callable[[str], PackageFacts]
    asked: tuple[str, ...] = ()


def root_needs(host: Host, path: Path) -> NeedSet:
    """Return what is installed in a root. Raises `RootError`, `DownloadError`."""
    record = Root(path).installed().set
    packages = PackageSet.of(InstalledSet(host, record).members())
    return NeedSet(str(path), packages, lambda name: packages.members[name].facts, record.asked)


def image_needs(host: Host, name: str, image: KnownImage) -> NeedSet:
    """Return what an image holds. Raises as `Described.parts`."""
    packages = PackageSet.of(part.member for part in Described(host).parts(image))
    return NeedSet(name, packages, lambda each: packages.members[each].facts, image.record.asked)


def channel_needs(catalogue: Catalogue) -> NeedSet:
    """Return what the newest release of a channel holds. Facts are fetched only of members of which they are asked.

    Raises `DownloadError`, `InvalidReleaseError`, and what opening an imported release raises.
    """
    release = catalogue.release
    where = str(release)
    found = {entry.name: entry for entry in catalogue.entries()}
    catalogue.downloads.prefetch([entry.descriptor for entry in found.values()], f"descriptors of {where}")
    found |= {name: catalogue.entry(name) for pin in release.imports for name in pin.names}
    members = []
    for name, entry in found.items():
        content = catalogue.home_of(name).downloads.read(entry.descriptor, f"descriptor of {name}")
        # Of paths nothing is asked here, and facts can be large: they are left out until somebody asks.
        members.append(Member.of(Descriptor.from_json(content), PackageFacts(), Manifest.of(()), imported="/" in name))

    def facts(name: str) -> PackageFacts:
        return PackageFacts.from_json(catalogue.home_of(name).downloads.read(found[name].facts, f"facts of {name}"))

    return NeedSet(where, PackageSet.of(members), facts)
