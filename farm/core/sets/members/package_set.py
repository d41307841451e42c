"""A PackageSet: one build of each of a number of packages, in no order."""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.sets.members.capability_index import CapabilityIndex
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.sets.members.member import Member


def set_digest(descriptors: Iterable[Digest]) -> Digest:
    """Return the digest that names a set: over the sorted digests of its descriptors."""
    return Digest.of_json({"format": 1, "packages": sorted(descriptors)})


class PackageSet:
    """Members by short name, sorted, with an index of their capabilities. Immutable; made by `of`."""

    __slots__ = ("capabilities", "members")

    def __init__(self, members: Mapping[str, Member], capabilities: CapabilityIndex) -> None:
        self.members: Mapping[str, Member] = MappingProxyType(dict(members))
        self.capabilities = capabilities

    @classmethod
    def of(cls, members: Iterable[Member]) -> PackageSet:
        """Collect members, in any order. Raises the errors `duplicate-member` and `mixed-platforms`."""
        by_name: dict[str, Member] = {}
        for member in members:
            other = by_name.setdefault(member.name, member)
            if other is not member and other.descriptor.digest != member.descriptor.digest:
                first, second = sorted((other, member), key=lambda build: build.descriptor.sort_key)
                raise FarmError(
                    f"a set holds one build of a package, not both {first.label} and {second.label}",
                    remedy="Choose one of them.",
                    code="duplicate-member",
                )
        ordered = dict(sorted(by_name.items()))
        for before, member in pairwise(ordered.values()):
            if member.descriptor.platform != before.descriptor.platform:
                labels = [f"{build.label} is for {build.descriptor.platform}" for build in (before, member)]
                raise FarmError(", ".join(labels), remedy="Make a set for each platform.", code="mixed-platforms")
        index = CapabilityIndex()
        for member in ordered.values():
            index.add(member)
        return cls(ordered, index)

    @property
    def digest(self) -> Digest:
        """The digest over the sorted digests of its descriptors, which names the set."""
        return set_digest(member.descriptor.digest for member in self.members.values())

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, PackageSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.members)
