"""Finished packages as members of a set, read once from their three small blobs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.server.tables.records import ImportedPackageRecord

if TYPE_CHECKING:
    from farm.server.tables.records import Package
    from farm.store.blobs import BlobStore

_REMEMBERED = 1024


class MemberReader:
    """Finished packages as members of a set; for any number of threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read = lru_cache(_REMEMBERED)(self._read_member)

    def member(self, package: Package | ImportedPackageRecord) -> Member:
        """Return a package as a member of a set. Raises `MissingBlobError`, `CorruptBlobError`."""
        return self._read(package)

    def _read_member(self, package: Package | ImportedPackageRecord) -> Member:
        return Member.of(
            Descriptor.from_json(self._blobs.read(package.digest)),
            PackageFacts.from_json(self._blobs.read(package.facts.digest)),
            Manifest.from_json(self._blobs.read(package.tree)),
            imported=isinstance(package, ImportedPackageRecord),
            build=package.build,
        )
