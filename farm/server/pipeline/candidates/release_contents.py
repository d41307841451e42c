"""What a release holds, as people and programs read it: its packages, and those of other distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.printed_version import FIRST_BUILD
from farm.server.federation import imported
from farm.store.errors import MissingBlobError
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release

if TYPE_CHECKING:
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import ImportedPackage, Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.imports import Import


@dataclass(frozen=True, slots=True)
class ReleaseImport:
    """What a release takes of one other distribution. The packages stand by name."""

    pin: Import
    packages: tuple[ImportedPackage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `release` is the pinned release's digest, `root` the fingerprint of root metadata."""
        names = ("distribution", "channel", "number", "release", "root", "address")
        pinned = {name: getattr(self.pin, name) for name in names}
        return {**pinned, "packages": [package_to_dict(package) for package in self.packages]}


def package_to_dict(package: Package | ImportedPackage) -> dict[str, Any]:
    """Return a package as lists of a release name it."""
    named = {"name": package.name, "version": package.version, "revision": package.revision, "package": package.digest}
    return {**named, **build_to_dict(package)}


def build_to_dict(package: Package | ImportedPackage) -> dict[str, int]:
    """Return the build number of a package; nothing of a first build, whose number is not shown."""
    return {"build": package.build} if package.build != FIRST_BUILD else {}


def imports_of(unit: UnitOfWork, record: ReleaseRecord) -> tuple[Import, ...]:
    """Return the imports that the signed head of a release names; none of a release from before they were named."""
    try:
        return Release.from_json(unit.blobs.read(record.digest)).imports
    except MissingBlobError:
        return ()


def imported_packages(unit: UnitOfWork, record: ReleaseRecord) -> tuple[ReleaseImport, ...]:
    """Return what a release takes of other distributions, by distribution."""
    imports = imports_of(unit, record)
    known = imported.packages_by_digest(unit.session, imported_descriptors(imports).values())
    return tuple(
        ReleaseImport(pin, tuple(known[package.descriptor] for package in pin.packages if package.descriptor in known))
        for pin in imports
    )
