"""The rebuilds that are published with a package, including those that agreed after its entry was written."""

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
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders

_LATE = timedelta(minutes=10)
"""An agreement may carry a time before a release that does not include it: another clock, or a slow transaction."""


def rebuilds_of(
    unit: UnitOfWork, packages: Iterable[Package], public: PublicStore
) -> Mapping[Digest, tuple[BlobRef, ...]]:
    """Return the provenances of the rebuilds of each package, by descriptor, that signer and clients will accept.

    A provenance whose builder is not (yet) on the signed list would have the whole release refused: it is left out.
    """
    known = {package.digest: package for package in packages}
    given = attestations.attestations_of(unit.session, known)
    allowed = public.builders() if given else None
    return {
        digest: _verified(unit, known[digest], [attestation.provenance for attestation in found], allowed)
        for digest, found in given.items()
        if allowed is not None
    }


def provenances_of_others(
    unit: UnitOfWork, packages: Iterable[Package], public: PublicStore
) -> Mapping[Digest, BlobRef]:
    """Return another builder's provenance, if any, for each package whose builder is not on the signed list."""
    allowed = public.builders()
    unlisted = [package for package in packages if not _is_listed(package, allowed, public)]
    return {digest: given[0] for digest, given in rebuilds_of(unit, unlisted, public).items() if given}


def _is_listed(package: Package, allowed: AllowedBuilders, public: PublicStore) -> bool:
    """Return whether a package's provenance names an allowed key. If the blob is lost, the signer asks for it."""
    try:
        return bool(named_keys(public.read_digest(package.provenance.digest)) & allowed.keys())
    except (MissingBlobError, CorruptBlobError):
        return True


def packages_with_new_rebuilds(
    unit: UnitOfWork, base: ReleaseRecord, release: Release, public: PublicStore
) -> set[str]:
    """Return the packages of a channel's newest release that have more rebuilds now than the release names.

    Packages whose own builder is off the list are left out: with another builder's provenance, the entry would differ
    from that of the release before, to which a rollback may go. The cost is that of the rebuilds since that release.
    """
    members = attestations.attested_members(unit.session, base.channel, since=base.released_at - _LATE)
    attested = packages.by_digest(unit.session, members.values())
    rebuilt = rebuilds_of(unit, attested.values(), public)
    attributed = provenances_of_others(unit, attested.values(), public)
    tree = IndexTree(public.read, release.index)
    found = set()
    for name, digest in members.items():
        entry = tree.entry(name) if digest in rebuilt.keys() - attributed.keys() else None
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
        # A provenance for another build of the same files is no evidence for this build; one with other outputs did not
        # reproduce it.
        agrees = said and (first is None or (said.build, said.outputs) == (first.build, first.outputs))
        if said and agrees and said.builder not in builders:
            first = first or said
            builders.add(said.builder)
            taken.append(provenance)
    return tuple(taken)


def _read(
    unit: UnitOfWork, provenance: BlobRef, allowed: AllowedBuilders, descriptor: Descriptor, recipe: Digest
) -> VerifiedProvenance | None:
    try:
        return verify_provenance(unit.blobs.read(provenance.digest), allowed, descriptor, recipe)
    except FarmError:
        return None
