"""Which blobs of a host's store belong to release indexes, found by reading the blobs.

A store is shared with local builds, workers and toolchains. A subscriber removes only what is recognised here, and what
an entry names.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.index.node import Branch, read_node
from farm.trust.index.release_index import LARGEST_ENTRY, InvalidReleaseError, Release, ReleaseEntry
from farm.trust.index.tree import open_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.store.blobs import BlobStore

# Canonical JSON sorts its keys, so the first bytes of a document show its kind.
_ENTRY, _HEAD, _NODE = b'{"archive":', b'{"channel":', b"\x78\xda"
_NODES = (b'{"children":', b'{"format":')
_SNIFFED = 64


@dataclass(slots=True)
class StoreSurvey:
    """Entries and heads of releases by digest, and the digests of nodes."""

    entries: dict[Digest, ReleaseEntry] = field(default_factory=dict)
    heads: dict[Digest, Release] = field(default_factory=dict)
    nodes: set[Digest] = field(default_factory=set)

    @classmethod
    def of(cls, store: BlobStore) -> StoreSurvey:
        """Read every small blob of a store."""
        survey = cls()
        for digest in store.iter():
            with suppress(MissingBlobError, CorruptBlobError, InvalidReleaseError):
                if store.size(digest) <= LARGEST_ENTRY:
                    survey._take(store, digest)
        return survey

    def _take(self, store: BlobStore, digest: Digest) -> None:
        with store.path(digest).open("rb") as file:
            begins = file.read(_SNIFFED)
        if begins.startswith(_ENTRY):
            self.entries[digest] = ReleaseEntry.from_json(store.read(digest))
        elif begins.startswith(_HEAD):
            self.heads[digest] = Release.from_json(store.read(digest))
        elif begins.startswith(_NODE) and _inside(begins).startswith(_NODES):
            self.nodes.add(digest)


def nodes_of(store: BlobStore, release: Release) -> Iterator[Digest]:
    """Yield the reachable nodes of a release's index that the store has."""

    def read(blob: BlobRef) -> bytes:
        return store.read(blob.digest)

    yield release.index.digest
    with suppress(MissingBlobError, CorruptBlobError, InvalidReleaseError):
        waiting = [read_node(read(release.index), "")]
        while waiting:
            node = waiting.pop()
            for child in node.children if isinstance(node, Branch) else ():
                yield child.node.digest
                with suppress(MissingBlobError, CorruptBlobError, InvalidReleaseError):
                    waiting.append(open_node(read, child))


def _inside(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _SNIFFED)
    except zlib.error:
        return b""
