"""Whether a release says of its packages what is so: their recipe, what that calls them, what they are made of.

What was released of a package is not looked at once more, but it may come with another recipe: an honest builder, told
to build the same plan from a stranger's recipe, has come to the very package and signed so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.builds.bills import LARGEST_BILL, Made, OtherBillError, check_bill
from farm.checker.builds.builds import recipe_of
from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.checker.builds.builds import Grounds
    from farm.trust.index.release_index import Release, ReleaseEntry


def check_said(new: Sequence[ReleaseEntry], signed: Iterable[Release | None], grounds: Grounds) -> None:
    """See that packages have recipes of their owners, which come to their plans; and the summaries and bills of these.

    What one of the `signed` releases says of the same package was looked at before it was signed.
    Raises `RefusedReleaseError`, and `RecipeError`, `MissingBlobError` and the like for a recipe that cannot be read.
    """
    blobs = grounds.blobs
    trees = [IndexTree(lambda blob: blobs.read(blob.digest), each.index) for each in signed if each is not None]
    faults = Faults()
    for entry in new:
        known = [found for tree in trees if (found := tree.entry(entry.name))]
        if _said(entry) not in map(_said, known):
            with faults.of(entry.name):
                _check(entry, grounds)
    faults.check()


def _said(entry: ReleaseEntry) -> object:
    return entry.descriptor, entry.recipe, entry.summary, entry.sbom


def _check(entry: ReleaseEntry, grounds: Grounds) -> None:
    verified, recipe = recipe_of(entry, grounds)
    if recipe.summary != entry.summary:
        raise RefusedReleaseError(
            f"the release says of {entry.name} that it is {entry.summary!r:.150}, its recipe {recipe.summary!r}",
            remedy="Release it with the summary of its recipe.",
        )
    if entry.sbom is None or entry.sbom.size > LARGEST_BILL:
        raise OtherBillError(entry.name)
    blobs = grounds.blobs
    made = Made(
        descriptor=Descriptor.from_json(blobs.read(entry.descriptor.digest)),
        archive=entry.archive.digest,
        manifest=Manifest.from_json(blobs.read(entry.manifest.digest)),
        verified=verified,
        recipe=recipe,
        lock=grounds.plans.lock_of(verified.plan.toolchain),
    )
    check_bill(blobs.read(entry.sbom.digest), made)
