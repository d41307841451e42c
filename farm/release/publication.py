"""From a candidate that passed to a signed release: index, blobs in the public store, and the signer's signature."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Protocol

from farm.blobs import BlobStore
from farm.compat import resolve_needs
from farm.names import Digest
from farm.plan import BlobRef
from farm.trust.layout import BLOBS
from farm.trust.release_index import Release, ReleaseEntry, index_shards

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from farm.compat import PackageSet
    from farm.database.records import Package
    from farm.database.releases import ReleaseRecord


class Signer(Protocol):
    """Whoever holds the online keys: checks a release itself, and makes it the newest of its channel."""

    def sign(self, release: Release) -> None:
        """Publish the release; does nothing when it is the newest already. Raises a `FarmError` when refused."""


def make_release(
    candidate: PackageSet,
    packages: Sequence[Package],
    *,
    distribution: str,
    channel: str,
    previous: ReleaseRecord | None,
    now: datetime,
) -> tuple[Release, tuple[bytes, ...]]:
    """Return the release of a proven candidate, and the shards that it names. Raises `OpenSetError`."""
    needs = resolve_needs(candidate)
    shards = index_shards(_entry(package, needs[package.name]) for package in packages)
    release = Release(
        distribution=distribution,
        channel=channel,
        number=previous.number + 1 if previous else 1,
        previous=previous.digest if previous else None,
        released_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        package_set=candidate.digest,
        shards=tuple(BlobRef(Digest.of(shard), len(shard)) for shard in shards),
    )
    return release, shards


class PublicStore:
    """The blobs of a published repository: what is there is for everybody to fetch, and never changes."""

    def __init__(self, repository: Path, blobs: BlobStore) -> None:
        self._public = BlobStore(repository / BLOBS)
        self._blobs = blobs

    def bring(self, packages: Iterable[Package], shards: Iterable[bytes], release: Release) -> None:
        """Put everything that a release names in place, before anybody signs it. What is there stays."""
        for package in packages:
            for blob in (package.descriptor, package.archive, package.manifest, package.facts, package.provenance):
                if not self._public.has(blob.digest):
                    self._public.share(self._blobs, blob.digest)
        for shard in shards:
            self._public.put_bytes(shard)
        # Every release stays readable by its digest, which its successor names.
        self._public.put_bytes(release.to_json())

    def release(self, digest: Digest) -> Release:
        """Return a release that `bring` put there. Raises `MissingBlobError`, `InvalidReleaseError`."""
        return Release.from_json(self._public.read(digest))


def _entry(package: Package, needs: tuple[str, ...]) -> ReleaseEntry:
    return ReleaseEntry(
        name=package.name,
        version=package.version,
        revision=package.revision,
        summary=package.summary,
        descriptor=package.descriptor,
        archive=package.archive,
        manifest=package.manifest,
        facts=package.facts,
        provenance=package.provenance,
        recipe=package.recipe,
        needs=needs,
    )
