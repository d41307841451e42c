"""A PackageSet: one build of each of a number of packages, in no order."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.sets.members.capability_index import CapabilityIndex
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.sets.members.member import Member


class DuplicateMemberError(FarmError):
    """A set was given two builds of one package."""

    code = "duplicate-member"

    def __init__(self, first: Member, second: Member) -> None:
        super().__init__(
            f"a set holds one build of a package, not both {first.label} and {second.label}",
            remedy="Choose one of them.",
        )
        self.digests = (first.descriptor.digest, second.descriptor.digest)


class MixedPlatformsError(FarmError):
    """Packages for different platforms cannot be one set."""

    code = "mixed-platforms"

    def __init__(self, first: Member, second: Member) -> None:
        super().__init__(
            f"{first.label} is for {first.descriptor.platform}, {second.label} for {second.descriptor.platform}",
            remedy="Make a set for each platform.",
        )


def set_digest(descriptors: Iterable[Digest]) -> Digest:
    """Return the digest that names a set: over the sorted digests of its descriptors."""
    return Digest.of_json({"format": 1, "packages": sorted(descriptors)})


class PackageSet:
    """Members by short name, sorted, with an index of their capabilities. Never changed once it is made by `of`."""

    __slots__ = ("capabilities", "members")

    members: Mapping[str, Member]
    capabilities: CapabilityIndex

    def __init__(self, members: Mapping[str, Member], capabilities: CapabilityIndex) -> None:
        self.members = MappingProxyType(dict(members))
        self.capabilities = capabilities

    @classmethod
    def of(cls, members: Iterable[Member]) -> PackageSet:
        """Collect members, in any order. Raises `DuplicateMemberError`, `MixedPlatformsError`."""
        by_name: dict[str, Member] = {}
        for member in members:
            other = by_name.setdefault(member.name, member)
            if other is not member and other.descriptor.digest != member.descriptor.digest:
                raise DuplicateMemberError(*sorted((other, member), key=lambda each: each.descriptor.sort_key))
        ordered = dict(sorted(by_name.items()))
        index = CapabilityIndex()
        first = next(iter(ordered.values()), None)
        for member in ordered.values():
            if first is not None and member.descriptor.platform != first.descriptor.platform:
                raise MixedPlatformsError(first, member)
            index.add(member)
        return cls(ordered, index)

    def changed(self, *, add: Iterable[Member] = (), remove: Iterable[str] = ()) -> PackageSet:
        """Return the set without the names in `remove` and with `add`, each in place of another build of its name."""
        new = {member.name: member for member in add}
        gone = {*remove, *new}
        return PackageSet.of([*(each for name, each in self.members.items() if name not in gone), *new.values()])

    @property
    def digest(self) -> Digest:
        """What the set is known by: a digest over the sorted digests of its descriptors."""
        return set_digest(member.descriptor.digest for member in self.members.values())

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, PackageSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.members)
