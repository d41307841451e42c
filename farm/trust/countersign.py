"""What the signer checks before it signs a release: it takes nobody's word, the pipeline's included.

Only packages that are new in the release are looked at, so the work is that of the change, not of the channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat import set_digest
from farm.errors import FarmError
from farm.names import Digest
from farm.package import Descriptor
from farm.trust.provenance import verify_provenance
from farm.trust.release_index import index_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

    from farm.blobs import BlobStore
    from farm.plan import BlobRef
    from farm.trust.release_index import Release, ReleaseEntry


class RefusedReleaseError(FarmError):
    """A release does not hold what it must: the signer does not sign it."""

    code = "refused-release"


def check_release(
    release: Release, previous: Release | None, blobs: BlobStore, builders: Mapping[str, Key]
) -> tuple[ReleaseEntry, ...]:
    """Check every package that is new in `release`; return these. All blobs must be in `blobs`.

    Each must lie in the distribution's own namespace, have all its blobs, and a provenance by one of `builders`
    that names its recipe. Raises `RefusedReleaseError`, `ProvenanceError`, `MissingBlobError`, `CorruptBlobError`.
    """
    entries = read_entries(release, blobs)
    known = set(read_entries(previous, blobs).values()) if previous else set()
    expected = index_shards(entries.values())
    if [Digest.of(shard) for shard in expected] != [shard.digest for shard in release.shards]:
        raise RefusedReleaseError("the shards of the release are not the canonical ones for their entries")
    if set_digest(entry.descriptor.digest for entry in entries.values()) != release.package_set:
        raise RefusedReleaseError("the release's package set is not that of its entries")
    new = tuple(entry for entry in entries.values() if entry not in known)
    for entry in new:
        _check_entry(entry, release, blobs, builders)
    for entry in entries.values():
        for need in entry.needs:
            if need not in entries:
                raise RefusedReleaseError(f"{entry.name} needs {need}, which is not in the release")
    return new


def read_entries(release: Release, blobs: BlobStore) -> dict[str, ReleaseEntry]:
    """Read all entries of a release by short name, from its shards in `blobs`."""
    entries: dict[str, ReleaseEntry] = {}
    for shard in release.shards:
        entries.update(read_shard(blobs.read(shard.digest)))
    return entries


def _check_entry(entry: ReleaseEntry, release: Release, blobs: BlobStore, builders: Mapping[str, Key]) -> None:
    descriptor = Descriptor.from_json(_read(entry.descriptor, entry, blobs))
    named = (descriptor.name.short, str(descriptor.version), descriptor.revision)
    if named != (entry.name, entry.version, entry.revision):
        raise RefusedReleaseError(f"the entry {entry.name} {entry.version}-{entry.revision} describes {named}")
    if descriptor.name.distribution != release.distribution:
        raise RefusedReleaseError(
            f"{descriptor.name} lies in another namespace than {release.distribution}",
            remedy="A distribution signs its own names only.",
        )
    if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):
        raise RefusedReleaseError(f"manifest or facts of {descriptor.name} are not those that its descriptor names")
    for blob in (entry.archive, entry.manifest, entry.facts):
        if blobs.size(blob.digest) != blob.size:
            raise RefusedReleaseError(f"the blob {blob.digest} of {descriptor.name} has another size than {blob.size}")
    verify_provenance(_read(entry.provenance, entry, blobs), builders, descriptor, entry.recipe)


def _read(blob: BlobRef, entry: ReleaseEntry, blobs: BlobStore) -> bytes:
    content = blobs.read(blob.digest)
    if len(content) != blob.size:
        raise RefusedReleaseError(f"the blob {blob.digest} of {entry.name} has {len(content)} bytes, not {blob.size}")
    return content
