"""Whether a release says of its packages what their recipes say: their summaries, which people go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.plans import LARGEST_TEXT
from farm.countersign.refusal import RefusedReleaseError
from farm.recipe.contents import RecipeContents
from farm.recipe.declared_sources import read_summary
from farm.trust.index_tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.blobs import BlobStore
    from farm.names import Digest
    from farm.trust.release_index import Release, ReleaseEntry


def check_summaries(new: Iterable[ReleaseEntry], previous: Release | None, blobs: BlobStore) -> None:
    """See that packages have the summaries of their recipes, which their provenances name.

    Raises `RefusedReleaseError`, and `RecipeError`, `MissingBlobError` and the like for a recipe that cannot be read.
    """
    before = IndexTree(lambda blob: blobs.read(blob.digest), previous.index) if previous else None
    for entry in new:
        known = before.entry(entry.name) if before else None
        if known is not None and (known.recipe, known.summary) == (entry.recipe, entry.summary):
            continue
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
