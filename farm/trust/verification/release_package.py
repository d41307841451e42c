"""One package of a release, checked from its entry on: its descriptor, and its builders."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import check_agreement, verify_provenance
from farm.trust.untrusted_metadata import BrokenReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.plan.job import BlobRef
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import Release, ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders

    Fetch = Callable[[BlobRef, str], bytes]


@dataclass(frozen=True, slots=True)
class CheckedPackage:
    """The small blobs of a package, checked. `build` is its build number."""

    descriptor: Descriptor
    manifest: Manifest
    facts: PackageFacts
    build: int


def check_package(release: Release, entry: ReleaseEntry, builders: AllowedBuilders, fetch: Fetch) -> CheckedPackage:
    """Check a package of a verified release. `fetch` returns the verified bytes of a blob, and takes a name for it.

    Raises `BrokenReleaseError`, `ProvenanceError`, `InvalidEnvelopeError`, and what `fetch` raises.
    """
    descriptor = Descriptor.from_json(fetch(entry.descriptor, f"descriptor of {entry.name}"))
    named = (descriptor.name.distribution, descriptor.name.short, str(descriptor.version), descriptor.revision)
    if named != (release.distribution, entry.name, entry.version, entry.revision):
        stranger = "" if descriptor.name.distribution == release.distribution else ", which only its owner may release"
        raise BrokenReleaseError(
            f"{release.distribution}/{entry.name} {entry.version}-{entry.revision} of release {release.number} of "
            f"{release.distribution}/{release.channel} is described as {descriptor.name} "
            f"{descriptor.version}-{descriptor.revision}{stranger}"
        )
    if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):
        raise BrokenReleaseError(f"the manifest or facts of {entry.name} are not those that its descriptor names")
    build = _check_builders(release, entry, builders, descriptor, fetch)
    manifest = Manifest.from_json(fetch(entry.manifest, f"manifest of {entry.name}"))
    facts = PackageFacts.from_json(fetch(entry.facts, f"facts of {entry.name}"))
    return CheckedPackage(descriptor, manifest, facts, build)


def agreeing_builders(
    entry: ReleaseEntry, builders: AllowedBuilders, descriptor: Descriptor, fetch: Fetch
) -> frozenset[str]:
    """Return all allowed builders who have built exactly this package, by the provenances that an entry names.

    Raises `ProvenanceError`, and what `fetch` raises.
    """
    found = set()
    for blob in (entry.provenance, *entry.rebuilds):
        with suppress(InvalidEnvelopeError):
            content = fetch(blob, f"provenance of {entry.name}")
            found.add(verify_provenance(content, builders, descriptor, entry.recipe).builder)
    return frozenset(found)


def _check_builders(
    release: Release, entry: ReleaseEntry, builders: AllowedBuilders, descriptor: Descriptor, fetch: Fetch
) -> int:
    """Check that the package was built by an allowed builder, and by as many others as the channel requires.

    Returns its build number.
    """

    def verified(blob: BlobRef) -> VerifiedProvenance:
        return verify_provenance(fetch(blob, f"provenance of {entry.name}"), builders, descriptor, entry.recipe)

    first = verified(entry.provenance)
    found = {first.builder}
    needed = builders.needed(release.channel)
    for blob in entry.rebuilds:
        if len(found) >= needed:
            break
        with suppress(InvalidEnvelopeError):  # by a builder that is no longer allowed: the others may suffice
            found.add(verified(blob).builder)
    check_agreement(found, needed, descriptor, release.channel)
    return first.build
