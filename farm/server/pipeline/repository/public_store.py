"""The public store: the blobs of the published repository, and what its signed metadata states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.signing.evidence import InvalidEvidenceError, ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.provenance import named_blobs
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.index.release_index import Release
from farm.trust.layout import BLOBS, METADATA
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.metadata.signed_policy import SignedPolicy


class BlockedBlobError(FarmError):
    """A blob cannot be put in place in the public store, though the farm may have it."""

    code = "blocked-blob"

    def __init__(self, digest: Digest, error: OSError) -> None:
        super().__init__(
            f"the blob {digest} cannot be restored: {error}",
            remedy="Check what is at its path in the repository's `blobs`, and who owns it.",
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
            # A package's provenance names more by digest alone: the tree of its toolchain, and its log. A farm has no
            # logs of builds from before it stored them.
            for provenance in (entry.provenance, *entry.rebuilds):
                self.bring_blobs(named_blobs(self.read(provenance)))
        for content in index:
            self._public.put_bytes(content)
        # Every release stays readable by its digest, which its successor names; also here, to show what it imported.
        for store in (self._public, self._blobs):
            store.put_bytes(release.to_json())

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

    def policy(self) -> SignedPolicy | None:
        """Return the signed policy in force, if any. Raises `RepositoryStateError`."""
        return policy_in_force(Repository(self._repository))

    def signed_inputs(self) -> tuple[Digest, ...]:
        """Return the step libraries and the locks of toolchains that the signed policy accepts."""
        policy = self.policy()
        return (*policy.steps, *(toolchain.lock for toolchain in policy.toolchains)) if policy else ()

    def bring_blobs(self, digests: Iterable[Digest]) -> None:
        """Put those of these blobs in place that the farm has, for people to see."""
        for digest in digests:
            if not self._public.has(digest) and self._blobs.has(digest):
                self._public.share(self._blobs, digest)

    def remove(self, digests: Iterable[Digest]) -> None:
        """Remove published blobs: only those of previews that are over, and of nothing else."""
        for digest in digests:
            self._public.delete(digest)

    def put(self, content: bytes) -> Digest:
        """Put bytes in place; return their digest."""
        return self._public.put_bytes(content)

    def release(self, digest: Digest) -> Release:
        """Return a release that `bring` put in place. Raises `MissingBlobError`, `InvalidReleaseError`."""
        return Release.from_json(self.read_digest(digest))
