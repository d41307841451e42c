"""Checks that imported packages come from distributions that targets has signed, and are signed by those.

What a release newly imports is proven by the other distribution's metadata, from the signed fingerprint of its root.
What the release before had imported was proven then. Proofs that are not needed are refused: others search the evidence
for the proofs of a release.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.recipe.distributions import DISTRIBUTIONS, OtherDistribution
from farm.trust.index.tree import IndexTree
from farm.trust.verification.release_proof import verify_release_proof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.checker.reading.published_documents import PublishedDocuments
    from farm.core.names.digest import Digest
    from farm.trust.index.imports import Import, ImportedPackage
    from farm.trust.index.release_index import Release
    from farm.trust.verification.release_proof import ReleaseProof


def check_imported(
    release: Release,
    previous: Release | None,
    signed: Mapping[str, OtherDistribution],
    proofs: Sequence[ReleaseProof],
    described: PublishedDocuments,
) -> None:
    """Check that new imports come from distributions as they are `signed`, and that these have signed them.

    `proofs` are those of the evidence. Raises `RefusedReleaseError`, `UnprovenReleaseError`, and what reading a blob
    raises; the error names what is wrong with each package.
    """
    before = {pin.distribution: pin for pin in previous.imports} if previous else {}
    changed = [pin for pin in release.imports if pin != before.get(pin.distribution)]
    by_release: dict[Digest, ReleaseProof] = {}
    needless = [proof for proof in proofs if by_release.setdefault(proof.release, proof) is not proof]
    needless += [proof for proof in by_release.values() if proof.release not in {pin.release for pin in changed}]
    faults = Faults()
    for pin in changed:
        earlier, proof = before.get(pin.distribution), by_release.get(pin.release)
        with faults.of(*pin.names):
            known = signed.get(pin.distribution)
            if known is None or known != OtherDistribution(known.name, pin.address, pin.channel, pin.root):
                raise RefusedReleaseError(
                    f"packages may not be imported from {pin} at {pin.address} under the root {pin.root}: it is not "
                    "among the signed distributions",
                    remedy=f"Name it in {DISTRIBUTIONS}, and have that signed: `farm keys draft targets --policy "
                    "RECIPES`.",
                    code="unknown-origin",
                )
            if proof or earlier is None or not _was_proven(pin, earlier):
                _check_proof(pin, proof, described, faults)
    faults.check()
    if needless:
        raise RefusedReleaseError(
            f"the proof of the release {needless[0].release} is not needed: that is proven already, or nothing new is "
            "imported from it",
            remedy="Let control send the evidence again: one proof for each imported release, and no others.",
            code="needless-showing",
        )


def _was_proven(pin: Import, earlier: Import) -> bool:
    """Return whether the same release is imported as before, with no other package of it."""
    had = {(package.name, package.descriptor) for package in earlier.packages}
    is_same = pin == replace(earlier, address=pin.address, packages=pin.packages)
    return is_same and all((package.name, package.descriptor) in had for package in pin.packages)


def _check_proof(pin: Import, proof: ReleaseProof | None, described: PublishedDocuments, faults: Faults) -> None:
    if proof is None:
        raise RefusedReleaseError(
            f"there is no proof that {pin.distribution} has signed {pin}, {pin.release}",
            remedy="Let control see that release, or a later one: it brings proofs of what it follows, if it is of "
            "this version.",
            code="unshown-import",
        )
    signed = verify_release_proof(proof, pin, described.within)
    tree = IndexTree(described.blob, signed.index)
    for package in pin.packages:
        with faults.of(f"{pin.distribution}/{package.name}"):
            _check_package(pin, package, tree, described)


def _check_package(pin: Import, package: ImportedPackage, tree: IndexTree, described: PublishedDocuments) -> None:
    """Check that a package is the one that its distribution's index names, and that its entry there describes it."""
    name = f"{pin.distribution}/{package.name}"
    entry = tree.entry(package.name)
    if entry is None or entry.descriptor.digest != package.descriptor:
        there = f"has it as {entry.descriptor.digest}" if entry else "does not have it"
        raise RefusedReleaseError(
            f"{name} is imported as {package.descriptor}, and {pin} {there}",
            remedy="Do not trust its source. Let control collect the release again.",
            code="unshown-import",
        )
    descriptor = described.descriptor(package.descriptor)
    stated = (str(descriptor.name), str(descriptor.version), descriptor.revision, descriptor.tree, descriptor.facts)
    if stated != (name, entry.version, entry.revision, entry.manifest.digest, entry.facts.digest):
        raise RefusedReleaseError(
            f"the descriptor of {name} is not what {pin} lists",
            remedy=f"Tell the owner of {pin.distribution}.",
            code="unshown-import",
        )
