"""What a release has taken of other distributions, as people and programs read it: of which release, which packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.server.federation import imported
from farm.store.errors import MissingBlobError
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release

if TYPE_CHECKING:
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import ImportedPackage
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.imports import Import


@dataclass(frozen=True, slots=True)
class Taken:
    """What a release has taken of one other distribution. The packages stand by name."""

    pin: Import
    packages: tuple[ImportedPackage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `release` is the pinned release's digest, `root` the fingerprint of root metadata."""
        return {
            "distribution": self.pin.distribution,
            "channel": self.pin.channel,
            "number": self.pin.number,
            "release": self.pin.release,
            "root": self.pin.root,
            "address": self.pin.address,
            "packages": [
                {
                    "name": package.name,
                    "version": package.version,
                    "revision": package.revision,
                    "package": package.digest,
                }
                for package in self.packages
            ],
        }


def imports_of(unit: UnitOfWork, record: ReleaseRecord) -> tuple[Import, ...]:
    """Return what stands in the signed head of a release; nothing for that of an older farm, which took nothing."""
    try:
        return Release.from_json(unit.blobs.read(record.digest)).imports
    except MissingBlobError:
        return ()


def imported_packages(unit: UnitOfWork, record: ReleaseRecord) -> tuple[Taken, ...]:
    """Return what a release has taken, by distribution."""
    imports = imports_of(unit, record)
    known = imported.packages_by_digest(unit.session, imported_descriptors(imports).values())
    return tuple(
        Taken(pin, tuple(known[package.descriptor] for package in pin.packages if package.descriptor in known))
        for pin in imports
    )
