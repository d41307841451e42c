"""Descriptors and build needs of finished packages, read from their blobs once and remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from farm.control.closure import Available
from farm.package import Descriptor, PackageFacts

if TYPE_CHECKING:
    from farm.blobs.store import BlobStore
    from farm.database.records import Package
    from farm.names import Digest

_REMEMBERED = 4096


class PackageShelf:
    """Packages by the digest of their descriptor, which never means anything else."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read: OrderedDict[Digest, Available] = OrderedDict()
        self._lock = threading.Lock()

    def available(self, package: Package) -> Available:
        """Return a package as builds see it. Raises `MissingBlobError`, `CorruptBlobError`."""
        with self._lock:
            known = self._read.get(package.digest)
            if known is not None:
                self._read.move_to_end(package.digest)
                return known
        facts = self.facts(package)
        available = Available.of(Descriptor.from_json(self._blobs.read(package.digest)), facts)
        with self._lock:
            self._read[package.digest] = available
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return available

    def facts(self, package: Package) -> PackageFacts:
        """Return what was found in a package's files. Raises `MissingBlobError`, `CorruptBlobError`."""
        return PackageFacts.from_json(self._blobs.read(package.facts.digest))
