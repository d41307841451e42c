"""From a candidate that passed to a signed release: index, blobs in the public store, and the signer's signature."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Protocol

from farm.errors import FarmError
from farm.server.pipeline.publication.order_delivery import OrderTaker
from farm.signing.evidence import InvalidEvidenceError, ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.provenance import named_blobs
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.index.edit import extend
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.layout import BLOBS, METADATA
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.core.recipe.distributions import OtherDistribution
    from farm.server.tables.records import Package
    from farm.trust.index.imports import Import
    from farm.trust.index.tree import Read
    from farm.trust.metadata.builders import AllowedBuilders


class BlockedBlobError(FarmError):
    """A blob cannot be put in place in the public store, though the farm may have it."""

    code = "blocked-blob"

    def __init__(self, digest: Digest, error: OSError) -> None:
        super().__init__(
            f"the blob {digest} cannot be put back: {error}",
            remedy="See what is in its way in the repository's `blobs`, and whose that is.",
        )


class Signer(OrderTaker, Protocol):
    """The process with the online keys: it checks a release itself, and makes it the newest of its channel."""

    def sign(self, release: Release, evidence: Digest) -> None:
        """Publish the release; does nothing if it is the newest already. Raises a `FarmError` if refused.

        `evidence` is a blob in the public store that lists what to check (`ReleaseEvidence`).
        """


def make_release(
    previous: Release | None,
    put: Iterable[ReleaseEntry],
    remove: Iterable[str],
    *,
    distribution: str,
    channel: str,
    now: datetime,
    read: Read,
    imports: tuple[Import, ...] = (),
) -> tuple[Release, tuple[bytes, ...]]:
    """Return the release that follows `previous`, and the new blobs of its index.

    `put` are the packages that changed, or whose needs did; `remove` the names that leave. `read` returns the blobs of
    the index of `previous`. `imports` are the imports from other distributions. The cost is that of the changes,
    whatever the size of the channel.
    """
    index = extend(read, previous.index if previous else None, put, remove)
    release = Release(
        distribution=distribution,
        channel=channel,
        number=previous.number + 1 if previous else 1,
        previous=previous.digest if previous else None,
        released_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        index=index.root,
        packages=index.packages,
        imports=imports,
    )
    return release, index.blobs


def entry_of(
    package: Package,
    needs: tuple[str, ...],
    *,
    rebuilds: Iterable[BlobRef] = (),
    sbom: BlobRef | None = None,
    tests: Digest | None = None,
) -> ReleaseEntry:
    """Return the entry of a package; `needs` are the short names of the packages that meet its requirements.

    `rebuilds` are the provenances of other builders of the same package. `tests` is the recipe whose tests ran, if that
    is not the recipe that the package was built from.
    """
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
        rebuilds=tuple(sorted(set(rebuilds), key=lambda blob: blob.digest)),
        sbom=sbom,
        tests=tests if tests != package.recipe else None,
    )


class PublicStore:
    """The blobs of a published repository: everybody may fetch them, and they never change."""

    def __init__(self, repository: Path, blobs: BlobStore) -> None:
        self._repository = repository
        self._public = BlobStore(repository / BLOBS)
        self._blobs = blobs
        self._in_force: tuple[str, tuple[int, ...] | None, Release | None] | None = None

    def published(self, channel: str) -> Release | None:
        """Return the newest release of a channel that is in force, verified by the repository's own metadata.

        It is read again once something else is signed, so it may be called often. Raises `RepositoryStateError`.
        """
        stamp = self._stamp()
        if self._in_force is None or self._in_force[:2] != (channel, stamp):
            self._in_force = channel, stamp, Repository(self._repository).current(channel).release
        return self._in_force[2]

    def _stamp(self) -> tuple[int, ...] | None:
        """Return a value that changes when something else is signed."""
        try:
            status = (self._repository / METADATA / "timestamp.json").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, blob: BlobRef) -> bytes:
        """Return the verified bytes of a small blob; raises `MissingBlobError`, `CorruptBlobError`."""
        return self.read_digest(blob.digest)

    def read_digest(self, digest: Digest) -> bytes:
        """Return the verified bytes of a small blob. If it is lost or damaged, reads the farm's own store.

        Raises `MissingBlobError`, `CorruptBlobError`.
        """
        try:
            return self._public.read(digest)
        except (MissingBlobError, CorruptBlobError):
            return self._blobs.read(digest)

    def size(self, digest: Digest) -> int:
        """Return the size of a blob in bytes, without reading it. Raises `MissingBlobError`."""
        return (self._public if self._public.has(digest) else self._blobs).size(digest)

    def lacks(self, digest: Digest, size: int | None = None) -> bool:
        """Return whether a blob is missing or has another size; its bytes are not read."""
        return not self._public.has(digest) or (size is not None and self._public.size(digest) != size)

    def put_back(self, digest: Digest) -> None:
        """Put a blob in place again, from the farm's own store.

        Replaces whatever is in its place, which was found to be something else. Raises `MissingBlobError` or
        `CorruptBlobError` if that store has no sound copy either, and `BlockedBlobError`.
        """
        try:
            self._public.put(self._blobs.pieces(digest), digest)
        except OSError as error:
            raise BlockedBlobError(digest, error) from error

    def fetch_back(self, digest: Digest) -> None:
        """Copy a published blob into the farm's own store. Raises `MissingBlobError`, `CorruptBlobError`."""
        if not self._blobs.has(digest):
            self._blobs.share(self._public, digest)

    def bring(self, put: Iterable[ReleaseEntry], index: Iterable[bytes], release: Release) -> None:
        """Put the new blobs of a release in place before it is signed: the arguments and results of `make_release`.

        Blobs that are present stay, so it does no harm to name more.
        """
        for entry in put:
            for blob in entry.blobs:
                if not self._public.has(blob.digest):
                    self._public.share(self._blobs, blob.digest)
            self._bring_named(entry)
        for content in index:
            self._public.put_bytes(content)
        # Every release stays readable by its digest, which its successor names; also here, to show what it imported.
        for store in (self._public, self._blobs):
            store.put_bytes(release.to_json())

    def _bring_named(self, entry: ReleaseEntry) -> None:
        """Put in place what a package's provenance names by digest alone: the tree of its toolchain, and its log.

        A farm has no logs of builds from before it stored them.
        """
        for provenance in (entry.provenance, *entry.rebuilds):
            for digest in named_blobs(self.read_digest(provenance.digest)):
                if not self._public.has(digest) and self._blobs.has(digest):
                    self._public.share(self._blobs, digest)

    def builders(self) -> AllowedBuilders:
        """Return the builders that the repository's own metadata allows; raises `RepositoryStateError`."""
        return Repository(self._repository).builders()

    def evidence(self, release: Digest) -> ReleaseEvidence:
        """Return the evidence that a published release was checked with; empty if it or its summary is missing."""
        summary = Repository(self._repository).summary(release)
        named = evidence_of(summary) if summary else None
        try:
            return ReleaseEvidence.from_json(self.read_digest(named)) if named else ReleaseEvidence()
        except (MissingBlobError, CorruptBlobError, InvalidEvidenceError):
            return ReleaseEvidence()

    def signed_inputs(self) -> tuple[Digest, ...]:
        """Return the step libraries and the locks of toolchains that the signed policy accepts.

        Raises `RepositoryStateError`.
        """
        policy = policy_in_force(Repository(self._repository))
        return (*policy.steps, *(toolchain.lock for toolchain in policy.toolchains)) if policy else ()

    def signed_distributions(self) -> Mapping[str, OtherDistribution]:
        """Return the signed locations of other distributions, by name; empty if none is signed.

        Raises `RepositoryStateError`.
        """
        policy = policy_in_force(Repository(self._repository))
        return policy.distributions if policy else {}

    def bring_blobs(self, digests: Iterable[Digest]) -> None:
        """Put those of these blobs in place that the farm has, for people to see."""
        for digest in digests:
            if not self._public.has(digest) and self._blobs.has(digest):
                self._public.share(self._blobs, digest)

    def put(self, content: bytes) -> Digest:
        """Put bytes in place; return their digest."""
        return self._public.put_bytes(content)

    def release(self, digest: Digest) -> Release:
        """Return a release that `bring` put in place. Raises `MissingBlobError`, `InvalidReleaseError`."""
        return Release.from_json(self.read_digest(digest))
