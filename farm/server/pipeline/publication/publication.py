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


_BUFFER = 1 << 20


class BlockedBlobError(FarmError):
    """A blob cannot be put in place in the public store, though it may be there to be had."""

    code = "blocked-blob"

    def __init__(self, digest: Digest, error: OSError) -> None:
        super().__init__(
            f"the blob {digest} cannot be put back: {error}",
            remedy="See what is in its way in the repository's `blobs`, and whose that is.",
        )


class Signer(OrderTaker, Protocol):
    """Whoever holds the online keys: checks a release itself, and makes it the newest of its channel."""

    def sign(self, release: Release, evidence: Digest) -> None:
        """Publish the release; does nothing when it is the newest already. Raises a `FarmError` when refused.

        `evidence` is a blob in the public store that says what to look at (`ReleaseEvidence`).
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
    """Return the release that follows `previous`, and the blobs of its index that were not there before.

    `put` are the packages that changed, or whose needs did; `remove` the names that are taken out. `read` brings what
    the index of `previous` consists of. `imports` are what it takes of other distributions.
    Costs what changed, whatever the size of the channel.
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

    `rebuilds` are the provenances of other builders who came to the same package. `tests` is the recipe whose tests
    ran, where that is not the one that it was built from.
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
    """The blobs of a published repository: what is there is for everybody to fetch, and never changes."""

    def __init__(self, repository: Path, blobs: BlobStore) -> None:
        self._repository = repository
        self._public = BlobStore(repository / BLOBS)
        self._blobs = blobs
        self._in_force: tuple[str, tuple[int, ...] | None, Release | None] | None = None

    def published(self, channel: str) -> Release | None:
        """Return the newest release of a channel that is in force, as the repository's own metadata bears it out.

        It is read again when something else was signed, so it may be asked often. Raises `RepositoryStateError`.
        """
        stamp = self._stamp()
        if self._in_force is None or self._in_force[:2] != (channel, stamp):
            self._in_force = channel, stamp, Repository(self._repository).current(channel).release
        return self._in_force[2]

    def _stamp(self) -> tuple[int, ...] | None:
        """Return what changes when something else has come to be signed."""
        try:
            status = (self._repository / METADATA / "timestamp.json").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, blob: BlobRef) -> bytes:
        """Return the verified bytes of a small blob; raises `MissingBlobError`, `CorruptBlobError`."""
        return self.read_digest(blob.digest)

    def read_digest(self, digest: Digest) -> bytes:
        """Return the verified bytes of a small blob. Where they are gone, or spoiled, those of the farm's own store.

        Raises `MissingBlobError`, `CorruptBlobError`.
        """
        try:
            return self._public.read(digest)
        except (MissingBlobError, CorruptBlobError):
            return self._blobs.read(digest)

    def size(self, digest: Digest) -> int:
        """Return how many bytes a blob has, which are not looked at. Raises `MissingBlobError`."""
        return (self._public if self._public.has(digest) else self._blobs).size(digest)

    def lacks(self, digest: Digest, size: int | None = None) -> bool:
        """Say whether a blob is not there, or has another size; its bytes are not looked at."""
        return not self._public.has(digest) or (size is not None and self._public.size(digest) != size)

    def put_back(self, digest: Digest) -> None:
        """Put a blob in place again, from the farm's own store.

        What is there is replaced, whatever it is: it was found to be something else.
        Raises `MissingBlobError`, `CorruptBlobError` where that store has no sound one either, and `BlockedBlobError`.
        """
        try:
            with self._blobs.open(digest) as source, self._public.writer() as writer:
                while piece := source.read(_BUFFER):
                    writer.write(piece)
                writer.commit(digest)
        except OSError as error:
            raise BlockedBlobError(digest, error) from error

    def fetch_back(self, digest: Digest) -> None:
        """Let the farm's own store have a blob that is published. Raises `MissingBlobError`, `CorruptBlobError`."""
        if not self._blobs.has(digest):
            self._blobs.share(self._public, digest)

    def bring(self, put: Iterable[ReleaseEntry], index: Iterable[bytes], release: Release) -> None:
        """Put what is new in a release in place, before anybody signs it: what `make_release` was given and gave.

        What is there stays, so it does no harm to name more.
        """
        for entry in put:
            for blob in entry.blobs:
                if not self._public.has(blob.digest):
                    self._public.share(self._blobs, blob.digest)
            self._bring_named(entry)
        for content in index:
            self._public.put_bytes(content)
        # Every release stays readable by its digest, which its successor names; here too, for who shows what it took.
        for store in (self._public, self._blobs):
            store.put_bytes(release.to_json())

    def _bring_named(self, entry: ReleaseEntry) -> None:
        """Put in place what a package's provenance names by digest alone: the tree of its toolchain, and its log.

        A farm has no log of builds from before it kept them.
        """
        for provenance in (entry.provenance, *entry.rebuilds):
            for digest in named_blobs(self.read_digest(provenance.digest)):
                if not self._public.has(digest) and self._blobs.has(digest):
                    self._public.share(self._blobs, digest)

    def builders(self) -> AllowedBuilders:
        """Return the builders that the repository's own metadata allows; raises `RepositoryStateError`."""
        return Repository(self._repository).builders()

    def evidence(self, release: Digest) -> ReleaseEvidence:
        """Return what a published release was looked at by; nothing where its summary, or that, is not there."""
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
        """Return where the signed policy says that other distributions are, by name; nothing where none is signed.

        Raises `RepositoryStateError`.
        """
        policy = policy_in_force(Repository(self._repository))
        return policy.distributions if policy else {}

    def bring_blobs(self, digests: Iterable[Digest]) -> None:
        """Put blobs in place that somebody will want to see, of those that the farm has."""
        for digest in digests:
            if not self._public.has(digest) and self._blobs.has(digest):
                self._public.share(self._blobs, digest)

    def put(self, content: bytes) -> Digest:
        """Put bytes in place; return their digest."""
        return self._public.put_bytes(content)

    def release(self, digest: Digest) -> Release:
        """Return a release that `bring` put there. Raises `MissingBlobError`, `InvalidReleaseError`."""
        return Release.from_json(self.read_digest(digest))
