"""Packages as members of a set, read from their three small blobs once and remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from farm.compat import Member
from farm.fileset import Manifest
from farm.package import Descriptor, PackageFacts

if TYPE_CHECKING:
    from farm.blobs import BlobStore
    from farm.database.records import Package
    from farm.names import Digest

_REMEMBERED = 100_000


class MemberShelf:
    """Members by the digest of their descriptor, which never means anything else. For one thread."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read: OrderedDict[Digest, Member] = OrderedDict()

    def member(self, package: Package) -> Member:
        """Return the member that a package is. Raises `MissingBlobError`, `CorruptBlobError`."""
        known = self._read.get(package.digest)
        if known is None:
            known = Member.of(
                Descriptor.from_json(self._blobs.read(package.digest)),
                PackageFacts.from_json(self._blobs.read(package.facts.digest)),
                Manifest.from_json(self._blobs.read(package.manifest.digest)),
            )
            self._read[package.digest] = known
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        self._read.move_to_end(package.digest)
        return known
