"""Which rebuilds are published with a package: also those that agreed after its entry was written."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError
from farm.server.packages import attestations, packages
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.dsse import named_keys
from farm.trust.attestation.provenance import verify_provenance
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.publication.publication import PublicStore
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders

_LATE = timedelta(minutes=10)
"""An agreement may bear a time before that of a release which has not seen it: another clock, a slow transaction."""


def rebuilds_of(
    unit: UnitOfWork, packages: Iterable[Package], public: PublicStore
) -> Mapping[Digest, tuple[BlobRef, ...]]:
    """Return the provenances of the rebuilds of each package, by descriptor, that signer and clients will take.

    One by a builder that the signed list does not name (yet) would have the whole release refused: it is left out.
    """
    known = {package.digest: package for package in packages}
    given = attestations.attestations_of(unit.session, known)
    allowed = public.builders() if given else None
    return {
        digest: _verified(unit, known[digest], [attestation.provenance for attestation in found], allowed)
        for digest, found in given.items()
        if allowed is not None
    }


def words_of_others(unit: UnitOfWork, packages: Iterable[Package], public: PublicStore) -> Mapping[Digest, BlobRef]:
    """Return another builder's word on each package whose own is not on the signed list, where there is one."""
    allowed = public.builders()
    unlisted = [package for package in packages if not _is_listed(package, allowed, public)]
    return {digest: words[0] for digest, words in rebuilds_of(unit, unlisted, public).items() if words}


def _is_listed(package: Package, allowed: AllowedBuilders, public: PublicStore) -> bool:
    """Say whether a package's provenance names an allowed key. Where nobody has it any more, the signer asks for it."""
    try:
        return bool(named_keys(public.read_digest(package.provenance.digest)) & allowed.keys())
    except (MissingBlobError, CorruptBlobError):
        return True


def grown(unit: UnitOfWork, base: ReleaseRecord, release: Release, public: PublicStore) -> set[str]:
    """Return the packages of the newest release of a channel of which it names fewer rebuilds than there are now.

    Not those whose own builder is off the list: by another's word an entry would not be that of before, to which a
    rollback may go. Costs what was rebuilt since that release, not what it holds.
    """
    members = attestations.attested_members(unit.session, base.channel, since=base.released_at - _LATE)
    attested = packages.by_digest(unit.session, members.values())
    rebuilt = rebuilds_of(unit, attested.values(), public)
    reworded = words_of_others(unit, attested.values(), public)
    tree = IndexTree(public.read, release.index)
    found = set()
    for name, digest in members.items():
        entry = tree.entry(name) if digest in rebuilt.keys() - reworded.keys() else None
        if entry is not None and set(rebuilt[digest]) - {entry.provenance, *entry.rebuilds}:
            found.add(name)
    return found


def _verified(
    unit: UnitOfWork, package: Package, provenances: Iterable[BlobRef], allowed: AllowedBuilders
) -> tuple[BlobRef, ...]:
    descriptor = Descriptor.from_json(unit.blobs.read(package.digest))
    first = _read(unit, package.provenance, allowed, descriptor, package.recipe)
    builders = {first.builder} if first else set()
    taken = []
    for provenance in provenances:
        said = _read(unit, provenance, allowed, descriptor, package.recipe)
        # One that was leased as another build of the very same files says nothing of this one, and who tells of other
        # outputs has not come to the same.
        if said and said.builder not in builders and (first is None or _agree(said, first)):
            first = first or said
            builders.add(said.builder)
            taken.append(provenance)
    return tuple(taken)


def _agree(one: VerifiedProvenance, other: VerifiedProvenance) -> bool:
    return (one.build, one.outputs) == (other.build, other.outputs)


def _read(
    unit: UnitOfWork, provenance: BlobRef, allowed: AllowedBuilders, descriptor: Descriptor, recipe: Digest
) -> VerifiedProvenance | None:
    try:
        return verify_provenance(unit.blobs.read(provenance.digest), allowed, descriptor, recipe)
    except FarmError:
        return None
