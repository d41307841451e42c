"""Checks that the entries of a release are true: the recipe of each package, its summary and its bill of materials.

A released package is not checked again, but its entry may name another recipe: an honest builder that was given the
same plan with an attacker's recipe has built exactly this package, and signed so.

The bill of materials is generated again and compared. Three things in it are known only to the builder: the static code
that was linked, the archive that the toolchain was taken from, and whether its list of packages was known then. These
are taken from the bill itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.checker.builds.builds import recipe_of
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError, check_each
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.package.descriptor import Descriptor
from farm.core.plan.sbom import PACKAGE, TOOLCHAIN, dependency_id, package_sbom, source_addresses
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.checker.builds.builds import BuildContext
    from farm.core.recipe.recipe import Recipe
    from farm.trust.attestation.provenance import VerifiedProvenance
    from farm.trust.index.release_index import Release, ReleaseEntry

LARGEST_BILL = 16 << 20


def check_entries(new: Sequence[ReleaseEntry], signed: Iterable[Release | None], context: BuildContext) -> None:
    """Check that new entries name owners' recipes that lead to their plans, and the summaries and bills of these.

    What one of the `signed` releases states about the same package was checked before it was signed.
    Raises `RefusedReleaseError`, and `RecipeError`, `MissingBlobError` and the like for a recipe that cannot be read.
    """
    trees = [IndexTree(PublishedDocuments(context.blobs).blob, release.index) for release in signed if release]

    known = {entry.name: [found for tree in trees if (found := tree.entry(entry.name))] for entry in new}

    def check(entry: ReleaseEntry) -> None:
        if _checked_facts(entry) not in map(_checked_facts, known[entry.name]):
            _check_entry(entry, context)

    check_each(new, check)


def _checked_facts(entry: ReleaseEntry) -> object:
    return entry.descriptor, entry.recipe, entry.summary, entry.sbom


def _check_entry(entry: ReleaseEntry, context: BuildContext) -> None:
    verified, recipe = recipe_of(entry, context)
    if recipe.summary != entry.summary:
        raise RefusedReleaseError(
            f"the summary of {entry.name} is {entry.summary!r:.150}, and {recipe.summary!r} in its recipe",
            remedy="Release it with the summary of its recipe.",
        )
    if not _has_true_bill(entry, context, verified, recipe):
        raise RefusedReleaseError(
            f"the bill of materials of {entry.name} does not follow from its plan and its recipe",
            remedy="Do not trust the farm that named it. If a farm of an older version wrote it, raise the revision.",
            code="other-bill-of-materials",
        )


def _has_true_bill(entry: ReleaseEntry, context: BuildContext, verified: VerifiedProvenance, recipe: Recipe) -> bool:
    if entry.sbom is None or entry.sbom.size > LARGEST_BILL:
        return False
    blobs, lock = context.blobs, context.plans.lock_of(verified.plan.toolchain)
    content = blobs.read(entry.sbom.digest)
    descriptor = Descriptor.from_json(blobs.read(entry.descriptor.digest))
    manifest = Manifest.from_json(blobs.read(entry.manifest.digest))
    linked, toolchain = _only_in_bill(content, descriptor, verified)
    for known, read in ((lock, recipe), (None, recipe), (lock, None), (None, None)):
        expected = package_sbom(
            descriptor,
            verified.plan,
            archive=entry.archive.digest,
            manifest=manifest,
            addresses=source_addresses(verified.plan, read, known) if read else {},
            carried=read.carried if read else (),
            linked=linked,
            lock=known.digest if known else None,
            toolchain=toolchain,
            build=verified.build,
        )
        if expected == content:
            return True
    return False


def _only_in_bill(
    content: bytes, descriptor: Descriptor, verified: VerifiedProvenance
) -> tuple[frozenset[str], Digest | None]:
    """Return what only a bill itself states: the packages linked statically, and the archive of the toolchain.

    Empty if it cannot be read: then it is not the expected bill either.
    """
    try:
        form = json.loads(content)
        links = {
            relationship["relatedSpdxElement"]
            for relationship in form["relationships"]
            if (relationship["spdxElementId"], relationship["relationshipType"]) == (PACKAGE, "STATIC_LINK")
        }
        within = descriptor.name.distribution
        linked = frozenset(
            dependency.name.short
            for dependency in verified.plan.dependencies
            if dependency_id(dependency.name, within) in links
        )
        return linked, next(_archives(form["packages"]), None)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, InvalidDigestError):
        return frozenset(), None


def _archives(packages: list[dict[str, Any]]) -> Iterator[Digest]:
    for package in packages:
        if package["SPDXID"] == TOOLCHAIN:
            for checksum in package.get("checksums", ()):
                yield Digest(f"sha256:{checksum['checksumValue']}")
