"""Whether a release says of its packages what is so: from which recipe they are made, and what that calls them.

What was released of a package is not looked at once more, but it may come with another recipe: an honest builder, told
to build the same plan from a stranger's recipe, has come to the very package and signed so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.builds import check_recipes
from farm.countersign.plans import LARGEST_TEXT
from farm.countersign.refusal import RefusedReleaseError
from farm.recipe.contents import RecipeContents
from farm.recipe.declared_sources import read_summary
from farm.trust.index_tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.blobs import BlobStore
    from farm.countersign.builds import Grounds
    from farm.names import Digest
    from farm.trust.release_index import Release, ReleaseEntry


def check_said(new: Sequence[ReleaseEntry], signed: Iterable[Release | None], grounds: Grounds) -> None:
    """See that packages have recipes of their owners, which come to their plans, and the summaries of these.

    What one of the `signed` releases says of the same package was looked at before it was signed.
    Raises `RefusedReleaseError`, and `RecipeError`, `MissingBlobError` and the like for a recipe that cannot be read.
    """
    blobs = grounds.blobs
    trees = [IndexTree(lambda blob: blobs.read(blob.digest), each.index) for each in signed if each is not None]
    told = [(entry, [found for tree in trees if (found := tree.entry(entry.name))]) for entry in new]
    check_recipes(
        (
            entry
            for entry, known in told
            if grounds.verified.has(entry.descriptor.digest)
            and (entry.descriptor, entry.recipe) not in {(each.descriptor, each.recipe) for each in known}
        ),
        grounds,
    )
    for entry, known in told:
        if (entry.recipe, entry.summary) not in {(each.recipe, each.summary) for each in known}:
            _check_summary(entry, blobs)


def _check_summary(entry: ReleaseEntry, blobs: BlobStore) -> None:
    text = _read(blobs, RecipeContents.from_json(_read(blobs, entry.recipe)).recipe)
    summary = read_summary(text, file=f"packages/{entry.name}/recipe.yaml")
    if summary != entry.summary:
        raise RefusedReleaseError(
            f"the release says of {entry.name} that it is {entry.summary!r:.150}, its recipe {summary!r}",
            remedy="Release it with the summary of its recipe.",
        )


def _read(blobs: BlobStore, digest: Digest) -> bytes:
    size = blobs.size(digest)
    if size > LARGEST_TEXT:
        raise RefusedReleaseError(f"the blob {digest} has {size} bytes, and the most is {LARGEST_TEXT}")
    return blobs.read(digest)
