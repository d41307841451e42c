"""Providers of capabilities within a release, and the needs between its packages: computed once for each release."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.descriptor import Descriptor
from farm.core.package.package_capability import package_capabilities
from farm.server.channels import releases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.digest import Digest
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.transaction.unit_of_work import UnitOfWork

_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class ReleaseNeeds:
    """`providers`: the packages that provide a capability. `users`: the packages that need something from a package."""

    providers: Mapping[str, tuple[str, ...]]
    users: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, descriptors: Iterable[Descriptor]) -> ReleaseNeeds:
        """Compute both; names are short and sorted."""
        members = sorted(descriptors, key=lambda descriptor: descriptor.name)
        providers: defaultdict[str, list[str]] = defaultdict(list)
        for member in members:
            name = member.name.short
            for capability in (*package_capabilities(name, member.version, member.revision), *member.provides):
                providers[capability].append(name)
        users: defaultdict[str, set[str]] = defaultdict(set)
        for member in members:
            for capability in member.requires:
                for provider in providers.get(capability, ()):
                    users[provider].add(member.name.short)
        return cls(
            {capability: tuple(names) for capability, names in providers.items()},
            {name: tuple(sorted(found)) for name, found in users.items()},
        )


NOTHING = ReleaseNeeds({}, {})


class ReleaseNeedsCache:
    """The needs of the most recently used releases. A release never changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, ReleaseNeeds] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, unit: UnitOfWork, release: ReleaseRecord) -> ReleaseNeeds:
        """Return the needs of a release. Raises `MissingBlobError`, `CorruptBlobError`."""
        with self._lock:
            known = self._known.get(release.digest)
            if known is None:
                members = releases.release_members(unit.session, release.channel, release.number)
                known = ReleaseNeeds.of(Descriptor.from_json(unit.blobs.read(member.digest)) for member in members)
                self._known[release.digest] = known
            self._known.move_to_end(release.digest)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return known
