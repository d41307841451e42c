"""The package sets in which dependents are searched: of a root, an image, or a channel's newest release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.image.package_set import PackageDescriptions
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
    """A set, its name for users, what reads the facts of a member by its name, and the names that were requested."""

    where: str
    packages: PackageSet
    facts: Callable[[str], PackageFacts]
    asked: tuple[str, ...] = ()


def root_needs(host: Host, path: Path) -> NeedSet:
    """Return the set that is installed in a root. Raises `RootError`, `DownloadError`."""
    record = Root(path).installed().set
    packages = PackageSet.of(InstalledSet(host, record).members())
    return NeedSet(str(path), packages, lambda name: packages.members[name].facts, record.asked)


def image_needs(host: Host, name: str, image: KnownImage) -> NeedSet:
    """Return the set that an image holds. Raises as `Described.parts`."""
    packages = PackageSet.of(part.member for part in PackageDescriptions(host).parts(image))
    return NeedSet(name, packages, lambda member: packages.members[member].facts, image.record.asked)


def channel_needs(catalogue: Catalogue) -> NeedSet:
    """Return the set of a channel's newest release. The facts of a member are fetched only when they are asked for."""
    release = catalogue.release
    where = str(release)
    found = {entry.name: entry for entry in catalogue.entries()}
    catalogue.downloads.prefetch([entry.descriptor for entry in found.values()], f"descriptors of {where}")
    found |= {name: catalogue.entry(name) for pin in release.imports for name in pin.names}
    members = []
    for name, entry in found.items():
        content = catalogue.home_of(name).downloads.read(entry.descriptor, f"descriptor of {name}")
        # The search needs no paths, and facts can be large: they are left out until they are asked for.
        members.append(Member.of(Descriptor.from_json(content), PackageFacts(), Manifest.of(()), imported="/" in name))

    def facts(name: str) -> PackageFacts:
        return PackageFacts.from_json(catalogue.home_of(name).downloads.read(found[name].facts, f"facts of {name}"))

    return NeedSet(where, PackageSet.of(members), facts)
