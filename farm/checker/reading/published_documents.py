"""Reads the blobs that describe packages, by digest, none larger than its kind allows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from farm.checker.reading.refusal import OtherSizeError, RefusedReleaseError
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.store.blobs import BlobStore

LARGEST_JOB_ORDER = 16 << 20
_Order = TypeVar("_Order")


@dataclass(frozen=True, slots=True)
class PublishedDocuments:
    """Reads a store of blobs. Methods raise `RefusedReleaseError` for too large a blob, and `MissingBlobError`."""

    blobs: BlobStore

    def read(self, digest: Digest, kind: str) -> bytes:
        """Return the verified bytes of a blob of this kind (`farm.trust.blob_limits`)."""
        return self.within(digest, LARGEST[kind], kind)

    def within(self, digest: Digest, most: int, what: str = "blob") -> bytes:
        """Return the verified bytes of a blob of unknown size, which has at most `most` bytes."""
        if (size := self.blobs.size(digest)) > most:
            raise RefusedReleaseError(f"the {what} {digest} has {size} bytes, and the most is {most}")
        return self.blobs.read(digest)

    def blob(self, blob: BlobRef) -> bytes:
        """Return the verified bytes of a blob whose size is named."""
        size = self.blobs.size(blob.digest)
        if size != blob.size:
            raise OtherSizeError(blob.digest, size, blob.size)
        return self.blobs.read(blob.digest)

    def job_order(self, digest: Digest, read: Callable[[Any], _Order]) -> _Order | None:
        """Return the order of a test or of a comparison, as `read` parses it from JSON; None if it is no such order."""
        try:
            return read(json.loads(self.within(digest, LARGEST_JOB_ORDER)))
        except (FarmError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def descriptor(self, digest: Digest) -> Descriptor:
        """Return the descriptor of this digest."""
        return Descriptor.from_json(self.read(digest, "descriptor"))

    def facts(self, descriptor: Descriptor) -> PackageFacts:
        """Return the facts that a descriptor names."""
        return PackageFacts.from_json(self.read(descriptor.facts, "facts"))

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """Return the manifest of a package: the digest of its tree is that of its manifest."""
        return Manifest.from_json(self.read(descriptor.tree, "manifest"))

    def member(self, digest: Digest, *, imported: bool = False) -> Member:
        """Return the package of this descriptor as a member of a set."""
        descriptor = self.descriptor(digest)
        return Member.of(descriptor, self.facts(descriptor), self.manifest(descriptor), imported=imported)
