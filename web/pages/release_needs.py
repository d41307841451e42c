"""The needs of a package within a release, as its page lists them: who provides what it requires, and who needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.grouping import grouped
from farm.core.package.descriptor import Descriptor
from farm.core.package.package_capability import package_capabilities
from farm.server.channels import release_needs, releases
from farm.server.channels.release_needs import Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.server.channels.releases import ReleaseRecord
    from farm.server.transaction.unit_of_work import UnitOfWork

USERS = 60
"""How many users a page names."""


@dataclass(frozen=True, slots=True)
class PackageNeeds:
    """`providers`: the packages that provide a capability. `users`: the packages that need this one.

    They are not `are_known` in a release that was made before needs were recorded.
    """

    providers: Mapping[str, Sequence[str]]
    users: Users
    are_known: bool = True


NOTHING = PackageNeeds({}, Users(0, ()))
UNKNOWN = PackageNeeds({}, Users(0, ()), are_known=False)


def needs_in_release(unit: UnitOfWork, release: ReleaseRecord, package: str) -> PackageNeeds:
    """Return the needs of a package in a release. Raises `MissingBlobError`, `CorruptBlobError`.

    The cost is that of its direct needs, not of the release.
    """
    channel, number = release.channel, release.number
    if not release_needs.are_recorded(unit.session, channel, number):
        return UNKNOWN
    names = release_needs.providers_of(unit.session, channel, number, package)
    members = releases.members_named(unit.session, channel, number, [*names, package])
    descriptors = (Descriptor.from_json(unit.blobs.read(digest)) for _, digest in sorted(members.items()))
    users = release_needs.users_of(unit.session, channel, number, package, limit=USERS)
    return PackageNeeds(providers_by_capability(descriptors), users)


def providers_by_capability(descriptors: Iterable[Descriptor]) -> dict[str, list[str]]:
    """Return the short names of the packages that provide each capability, in the order of the descriptors."""
    return grouped(
        (capability, descriptor.name.short)
        for descriptor in descriptors
        for capability in (
            *package_capabilities(descriptor.name.short, descriptor.version, descriptor.revision),
            *descriptor.provides,
        )
    )
