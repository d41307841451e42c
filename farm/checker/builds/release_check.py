"""The checks of every new package of a release that need no policy: its bytes and its signatures.

Only what is new in the release is checked, so the cost is that of the change, not of the channel. That nothing needs
what leaves, `farm.checker.sets` checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.archive_contents import read_contents
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import OtherSizeError, RefusedReleaseError, check_each
from farm.core.fileset.archive_reader import STORE_ROOT, InvalidArchiveError
from farm.core.fileset.manifest import Manifest
from farm.core.names.printed_version import LAST_BUILD
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.package.sensitive_files import check_declared, sensitive_files_of
from farm.core.plan.outputs import output_names
from farm.store.decompress import archive_chunks
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import check_agreement, describe, printed_identity, verify_provenance
from farm.trust.index.imports import imported_packages
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.checker.reading.change import ReleaseChange
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import Release, ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders


MOST_UNPUBLISHED = 10_000
"""How far a build number may exceed the published ones: control also numbers builds that are never released."""


_SHOWN = 3


def check_release(
    change: ReleaseChange, blobs: BlobStore, builders: AllowedBuilders, published: PublishedRecord
) -> None:
    """Check every package that is new in a release. All blobs must be in `blobs`.

    Each must be in the distribution's own namespace, have all its blobs and needs, declare the sensitive files of its
    archive, and have provenances by `builders` that name its recipe, one build number and the same outputs. It must be
    what was `published` under its name, version, revision and build number, if anything was, and a new number must not
    be far beyond the published ones. Of imported packages only the needs are checked: their own distribution signs
    them.
    Raises `RefusedReleaseError`, `InvalidReleaseError`, `ProvenanceError`, `InvalidEnvelopeError`, `MissingBlobError`,
    `CorruptBlobError`, `InvalidElfError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    release = change.release
    check = _Check(release, blobs, builders, published)
    if (listed := check.tree.packages()) != release.packages:
        raise RefusedReleaseError(f"the release says it has {release.packages} packages, its index {listed}")
    check_each(change.put, check.entry)
    for name, (_, package) in sorted(check.imported.items()):
        check.needs(name, package.needs)


class _Check:
    def __init__(
        self, release: Release, blobs: BlobStore, builders: AllowedBuilders, published: PublishedRecord
    ) -> None:
        self._release = release
        self._blobs = blobs
        self._builders = builders
        self._published = published
        self.read = PublishedDocuments(blobs).blob
        self.tree = IndexTree(self.read, release.index)
        self.imported = imported_packages(release.imports)

    def needs(self, name: str, needs: Iterable[str]) -> None:
        """Check that the release has what a package needs: own packages in its index, others among its imports."""
        for need in needs:
            if need not in self.imported and ("/" in need or self.tree.listing(need) is None):
                raise RefusedReleaseError(f"{name} needs {need}, which is not in the release")

    def entry(self, entry: ReleaseEntry) -> None:
        descriptor = Descriptor.from_json(self.read(entry.descriptor))
        named = (descriptor.name.short, str(descriptor.version), descriptor.revision)
        if named != (entry.name, entry.version, entry.revision):
            raise RefusedReleaseError(f"the entry {entry.name} {entry.version}-{entry.revision} describes {named}")
        if descriptor.name.distribution != self._release.distribution:
            raise RefusedReleaseError(
                f"{descriptor.name} lies in another namespace than {self._release.distribution}",
                remedy="A distribution signs its own names only.",
            )
        if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):
            raise RefusedReleaseError(f"manifest or facts of {descriptor.name} are not those that its descriptor names")
        for blob in entry.blobs:
            if (size := self._blobs.size(blob.digest)) != blob.size:
                raise OtherSizeError(blob.digest, size, blob.size)
        # Clients must be able to read the manifest.
        Manifest.from_json(self.read(entry.manifest))
        self._archive(entry, descriptor, PackageFacts.from_json(self.read(entry.facts)))
        self._identity(descriptor, self._provenances(entry, descriptor))
        self.needs(entry.name, entry.needs)

    def _identity(self, descriptor: Descriptor, verified: VerifiedProvenance) -> None:
        """Check that a printed identity still names the same package, and that its number is plausible."""
        identity = printed_identity(descriptor, verified.build)
        known = self._published.trees_of(identity)
        if known and descriptor.tree not in known:
            raise RefusedReleaseError(
                f"{identity} was published before with other files: as {' and '.join(sorted(known))}, now as "
                f"{descriptor.tree}",
                remedy=f"Raise the revision in the recipe that makes {identity.name}, and submit it.",
                code="other-content",
            )
        if not known and verified.build > MOST_UNPUBLISHED:
            together = output_names(verified.plan)  # they have one number
            highest = self._published.highest_build(together, identity.version, identity.revision)
            if verified.build > highest + MOST_UNPUBLISHED:
                published = f"build {highest} is the highest" if highest else "no build of that revision is"
                raise RefusedReleaseError(
                    f"{identity} has too high a build number: {published} published, so that a new one has a number up "
                    f"to {min(highest + MOST_UNPUBLISHED, LAST_BUILD)}",
                    remedy=f"Raise the revision in the recipe that makes {identity.name}, and submit it. If the farm "
                    "has not built it so often, do not trust who numbered it.",
                    code="far-build-number",
                )

    def _archive(self, entry: ReleaseEntry, descriptor: Descriptor, facts: PackageFacts) -> None:
        """Check that the archive is the package, the facts are those of its files, and sensitive files are declared.

        A worker could report anything.
        """
        otherwise = RefusedReleaseError(
            f"the archive of {descriptor.name} does not hold what its descriptor names",
            remedy="Do not trust the worker that built it; build the package again.",
        )
        with self._blobs.open(entry.archive.digest) as archive:
            try:
                inside = read_contents(archive_chunks(archive), prefix=f"{STORE_ROOT}/{descriptor.store_path}")
            except InvalidArchiveError as error:
                raise otherwise from error
        if (inside.diff_id, inside.manifest.tree_digest) != (descriptor.diff_id, descriptor.tree):
            raise otherwise
        found = sensitive_files_of(descriptor, inside.manifest, inside.facts)
        check_declared(descriptor.name, found, descriptor.sensitive_files)
        # An earlier version of the worker recorded fewer facts.
        if facts.format == inside.facts.format and facts != inside.facts:
            raise RefusedReleaseError(
                f"the facts of {descriptor.name} are not those of its files",
                remedy="Do not trust the worker that built it; build the package again, with a worker of this version.",
            )

    def _provenances(self, entry: ReleaseEntry, descriptor: Descriptor) -> VerifiedProvenance:
        """Check that enough builders have built a package and agree on all outputs; return the first provenance.

        The other outputs of a build are read from the first provenance alone, so the others must name the same.
        """
        found: dict[str, VerifiedProvenance] = {}
        for blob in (entry.provenance, *entry.rebuilds):
            try:
                verified = verify_provenance(self.read(blob), self._builders, descriptor, entry.recipe)
            except InvalidEnvelopeError as error:
                raise InvalidEnvelopeError(
                    f"the provenance of {describe(descriptor)} does not count: {error.message}", remedy=error.remedy
                ) from error
            if verified.builder in found:
                raise RefusedReleaseError(
                    f"two provenances of {descriptor.name} are by the builder {verified.builder}",
                    remedy="A rebuild counts when another builder made it.",
                )
            found[verified.builder] = verified
        channel = self._release.channel
        check_agreement(found, self._builders.needed(channel), descriptor, channel)
        first, *others = found.values()
        if numbers := {other.build for other in others} - {first.build}:
            named = " and ".join(map(str, sorted({first.build, *numbers})))
            raise RefusedReleaseError(
                f"the provenances of {descriptor.name} name different build numbers: {named}",
                remedy="A rebuild has the number of the build that it repeats: have it built again.",
            )
        if apart := {digest for other in others for digest in first.outputs ^ other.outputs}:
            raise RefusedReleaseError(
                f"the builders of {describe(descriptor)} do not agree on the outputs of its build: not all of their "
                f"provenances name {' and '.join(sorted(apart)[:_SHOWN])}",
                remedy="Do not trust the builder that differs; have the package built again, by another.",
                code="other-outputs",
            )
        return first
