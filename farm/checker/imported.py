"""Checks that imported packages come from distributions that targets has signed, and are signed by those.

What a release newly imports is proven by the other distribution's metadata, from the signed fingerprint of its root.
What the release before had imported was proven then. Proofs that are not needed are refused: others search the evidence
for the proofs of a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.recipe.distributions import DISTRIBUTIONS, OtherDistribution
from farm.trust.index.tree import IndexTree
from farm.trust.verification.release_proof import verify_release_proof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.checker.reading.described import Described
    from farm.core.names.digest import Digest
    from farm.trust.index.imports import Import, ImportedPackage
    from farm.trust.index.release_index import Release
    from farm.trust.verification.release_proof import ReleaseProof


def check_imported(
    release: Release,
    previous: Release | None,
    signed: Mapping[str, OtherDistribution],
    shown: Sequence[ReleaseProof],
    described: Described,
) -> None:
    """Check that new imports come from distributions as they are `signed`, and that these have signed them.

    `shown` are the proofs. Raises `RefusedReleaseError`, `UnprovenReleaseError`, and what reading a blob raises; the
    error names what is wrong with each package.
    """
    before = {pin.distribution: pin for pin in previous.imports} if previous else {}
    anew = [pin for pin in release.imports if pin != before.get(pin.distribution)]
    by_release: dict[Digest, ReleaseProof] = {}
    needless = [each for each in shown if by_release.setdefault(each.release, each) is not each]
    needless += [each for each in by_release.values() if each.release not in {one.release for one in anew}]
    faults = Faults()
    for taken in anew:
        earlier, brought = before.get(taken.distribution), by_release.get(taken.release)
        with faults.of(*taken.names):
            known = signed.get(taken.distribution)
            if known is None or known != OtherDistribution(known.name, taken.address, taken.channel, taken.root):
                raise RefusedReleaseError(
                    f"{taken} at {taken.address} under the root {taken.root} is not one that packages "
                    "may be imported from",
                    remedy=f"Name it in {DISTRIBUTIONS}, and have that signed: `farm keys draft targets --policy "
                    "RECIPES`.",
                    code="unknown-origin",
                )
            if brought or earlier is None or not _was_shown(taken, earlier):
                _check_shown(taken, brought, described, faults)
    faults.check()
    if needless:
        raise RefusedReleaseError(
            f"the proof of the release {needless[0].release} is not needed: that is proven already, or "
            "nothing new is taken from it",
            remedy="Let control send the evidence again: one proof for each imported release, and no others.",
            code="needless-showing",
        )


def _was_shown(taken: Import, earlier: Import) -> bool:
    """Return whether the same release is imported as before, with no other package of it."""
    had = {(package.name, package.descriptor) for package in earlier.packages}
    return _pin(taken) == _pin(earlier) and all((package.name, package.descriptor) in had for package in taken.packages)


def _pin(taken: Import) -> tuple[str, int, Digest, Digest]:
    return taken.channel, taken.number, taken.release, taken.root


def _check_shown(taken: Import, shown: ReleaseProof | None, described: Described, faults: Faults) -> None:
    if shown is None:
        raise RefusedReleaseError(
            f"there is no proof that {taken.distribution} has signed {taken}, {taken.release}",
            remedy="Let control see that release, or a later one: it brings proofs of what it follows, if it is of "
            "this version.",
            code="unshown-import",
        )
    theirs = verify_release_proof(shown, taken, described.within)
    tree = IndexTree(described.blob, theirs.index)
    for package in taken.packages:
        with faults.of(f"{taken.distribution}/{package.name}"):
            _check_package(taken, package, tree, described)


def _check_package(taken: Import, package: ImportedPackage, tree: IndexTree, described: Described) -> None:
    """Check that a package is the one that their index names, and that its entry there describes it."""
    name = f"{taken.distribution}/{package.name}"
    entry = tree.entry(package.name)
    if entry is None or entry.descriptor.digest != package.descriptor:
        there = f"has it as {entry.descriptor.digest}" if entry else "does not have it"
        raise RefusedReleaseError(
            f"{name} is taken as {package.descriptor}, and {taken} {there}",
            remedy="Do not trust its source. Let control collect the release anew.",
            code="unshown-import",
        )
    descriptor = described.descriptor(package.descriptor)
    said = (str(descriptor.name), str(descriptor.version), descriptor.revision, descriptor.tree, descriptor.facts)
    if said != (name, entry.version, entry.revision, entry.manifest.digest, entry.facts.digest):
        raise RefusedReleaseError(
            f"the descriptor of {name} is not what {taken} lists",
            remedy=f"Tell the owner of {taken.distribution}.",
            code="unshown-import",
        )
