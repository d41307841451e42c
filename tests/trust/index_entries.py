"""Entries of packages that exist only in an index, imports, and a store of blobs that counts its reads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.index.edit import extend
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.release_index import ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.trust.index.edit import Extension

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THEIRS = "theirs.example"


def entry(name: str, version: str = "1.0", needs: tuple[str, ...] = ()) -> ReleaseEntry:
    blob = BlobRef(Digest.of(f"{name} {version}".encode()), 7)
    return ReleaseEntry(
        name=name,
        version=version,
        revision=1,
        summary=f"The {name}",
        descriptor=blob,
        archive=blob,
        manifest=blob,
        facts=blob,
        provenance=blob,
        recipe=Digest.of(b"recipe"),
        needs=needs,
    )


def imported(**needs: tuple[str, ...]) -> Import:
    """What a release imports from another distribution: packages by name, with what provides their needs here."""
    return Import(
        distribution=THEIRS,
        channel="stable",
        number=3,
        release=Digest.of(b"release"),
        root=Digest.of(b"root"),
        address="https://theirs.example/",
        packages=tuple(ImportedPackage(name, Digest.of(name.encode()), needed) for name, needed in needs.items()),
    )


class CountingStore:
    """Blobs in memory; `read` counts the reads of each."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.reads: Counter[Digest] = Counter()

    def read(self, blob: BlobRef) -> bytes:
        self.reads[blob.digest] += 1
        assert len(self.blobs[blob.digest]) == blob.size
        return self.blobs[blob.digest]

    def extend(self, root: BlobRef | None, put: Iterable[ReleaseEntry] = (), remove: Iterable[str] = ()) -> Extension:
        """Change an index, and keep its new blobs."""
        change = extend(self.read, root, put, remove)
        for content in change.blobs:
            self.blobs[Digest.of(content)] = content
        return change

    def index(self, *names: str) -> BlobRef:
        """Return the root of an index of these packages, which are stored here."""
        return self.extend(None, map(entry, names)).root
