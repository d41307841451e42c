"""The packages of a recorded set as they were described when it was made, found only by their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.repository.descriptions import Descriptions
from farm.core.package.sensitive_files import sensitive_files_of
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import closure, from_toolchain
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.host import Host
    from farm.core.fileset.manifest import Manifest
    from farm.core.names.package_name import PackageName
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.sensitive_files import SensitiveFinding
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord


class UnlistedPackageError(FarmError):
    """A root or an image has no package of this name."""

    code = "not-in-set"

    def __init__(self, name: str, where: str, record: SetRecord) -> None:
        names = (package.name.short for package in record.packages)
        remedy = did_you_mean(name, names, "See `farm list --root`, or `farm image inspect`.")
        super().__init__(f"{where} holds no package {name[:200]}", remedy=remedy)


class InstalledSet:
    """Descriptors and manifests of a set, by the packages of its record.

    They are read from this host's store; a missing one is fetched. Raises `DownloadError`.
    """

    def __init__(self, host: Host, record: SetRecord) -> None:
        own = {release.distribution for release in record.releases}
        self._members: dict[str, Member] = {}
        self._manifests: dict[str, Manifest] = {}
        self._placed: dict[str, PlacedPackage] = {}
        descriptions = Descriptions(host)
        for placed in record.packages:
            descriptor, manifest, facts = descriptions.described(placed)
            foreign = placed.name.distribution not in own and not placed.is_override
            member = Member.of(descriptor, facts, manifest, imported=foreign, build=placed.build)
            self._members[member.name] = member
            self._manifests[member.name] = manifest
            self._placed[member.name] = placed

    def placed(self, names: Iterable[str]) -> tuple[PlacedPackage, ...]:
        """Return these packages (named as in the set) and everything that they need.

        Raises `UnknownPackageError`, `OpenSetError`.
        """
        # A need that no package meets was already missing when the set was made, and an override accepted that.
        accepted = (
            from_toolchain(self._members.values())
            if any(package.is_override for package in self._placed.values())
            else ()
        )
        members = closure(PackageSet.of(self._members.values()), names, given=accepted)
        return tuple(self._placed[member.name] for member in members)

    def members(self) -> tuple[Member, ...]:
        """Return the packages as members of their set."""
        return tuple(self._members.values())

    def sensitive_files(self) -> frozenset[tuple[PackageName, SensitiveFinding]]:
        """Return the sensitive files of the packages, with the names of the packages."""
        return frozenset(
            (member.descriptor.name, finding)
            for name, member in self._members.items()
            for finding in sensitive_files_of(member.descriptor, self._manifests[name], member.facts)
        )

    def described(self, packages: Iterable[PlacedPackage] | None = None) -> list[tuple[Descriptor, Manifest]]:
        """Return the descriptor and manifest of these packages of the set; without names, of all."""
        names = {placed.descriptor: name for name, placed in self._placed.items()}
        found = names.values() if packages is None else [names[package.descriptor] for package in packages]
        return [(self._members[name].descriptor, self._manifests[name]) for name in found]
