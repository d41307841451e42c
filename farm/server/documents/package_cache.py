"""Finished packages as members of a set, read from their three small blobs once and remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.server.tables.records import ImportedPackage

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.server.tables.records import Package
    from farm.store.blobs import BlobStore

_REMEMBERED = 1024


class MemberReader:
    """Packages by the digest of their descriptor, which never means anything else."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read: OrderedDict[Digest, Member] = OrderedDict()
        self._lock = threading.Lock()

    def member(self, package: Package | ImportedPackage) -> Member:
        """Return a package as a set sees it. Raises `MissingBlobError`, `CorruptBlobError`."""
        with self._lock:
            known = self._read.get(package.digest)
            if known is not None:
                self._read.move_to_end(package.digest)
                return known
        descriptor = Descriptor.from_json(self._blobs.read(package.digest))
        facts = PackageFacts.from_json(self._blobs.read(package.facts.digest))
        manifest = Manifest.from_json(self._blobs.read(package.tree))
        member = Member.of(
            descriptor, facts, manifest, foreign=isinstance(package, ImportedPackage), build=package.build
        )
        with self._lock:
            self._read[package.digest] = member
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return member
