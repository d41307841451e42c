"""Two releases of repositories, compared: reads only the parts of their indexes in which they differ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.repository.download import PARALLEL, DownloadError
from farm.core.comparison.inputs import input_changes
from farm.core.comparison.releases import ReleaseChange, ReleasedPackage, package_changes
from farm.core.package.descriptor import Descriptor
from farm.trust.attestation.provenance import plan_by_digest
from farm.trust.index.imports import imported_packages
from farm.trust.index.tree import IndexTree, listing_difference, read_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.client.repository.catalogue import Catalogue
    from farm.core.comparison.inputs import InputChange
    from farm.core.plan.job import BlobRef
    from farm.core.plan.plan import Plan
    from farm.trust.index.node import Listing
    from farm.trust.index.release_index import ReleaseEntry


def compare_releases(before: Catalogue, after: Catalogue) -> Iterator[ReleaseChange]:
    """Yield the packages that differ, by name. Raises `DownloadError`, `InvalidReleaseError`, `ProvenanceError`.

    Of a package that was rebuilt from the same recipe, the plans of both builds say which of its inputs changed. No
    archive and no manifest is read.
    """
    old, new = _entries(before, after)
    changes = package_changes(
        {name: _released(entry) for name, entry in old.items()} | _imports(before),
        {name: _released(entry) for name, entry in new.items()} | _imports(after),
    )

    def explained(change: ReleaseChange) -> ReleaseChange:
        if change.kind != "rebuilt":
            return change
        return replace(change, inputs=_inputs(before, old[change.name], after, new[change.name]))

    with ThreadPoolExecutor(PARALLEL) as pool:
        yield from pool.map(explained, changes)


def _entries(before: Catalogue, after: Catalogue) -> tuple[dict[str, ReleaseEntry], dict[str, ReleaseEntry]]:
    """Return the entries in which the releases differ, by name; nodes of the index that both share are not read."""
    if before.release.subscription == after.release.subscription:
        put, removed = listing_difference(_reader(after), before.release.index, after.release.index)
        tree = IndexTree(_reader(before), before.release.index)
        names = (*(listing.name for listing in put), *removed)
        was = {name: listing for name in names if (listing := tree.listing(name))}
        now = {listing.name: listing for listing in put}
    else:  # they share nothing that could be skipped
        was, now = ({listing.name: listing for listing in catalogue.listings()} for catalogue in (before, after))
    return _read(before, was), _read(after, now)


def _read(catalogue: Catalogue, listed: dict[str, Listing]) -> dict[str, ReleaseEntry]:
    read = _reader(catalogue)
    with ThreadPoolExecutor(PARALLEL) as pool:
        return dict(zip(listed, pool.map(lambda listing: read_entry(read, listing), listed.values()), strict=True))


def _reader(catalogue: Catalogue) -> Callable[[BlobRef], bytes]:
    what = f"index of release {catalogue.release.number} of {catalogue.release.channel}"
    return lambda blob: catalogue.downloads.read(blob, what)


def _released(entry: ReleaseEntry) -> ReleasedPackage:
    return ReleasedPackage(entry.descriptor.digest, entry.version, entry.revision, entry.recipe)


def _imports(catalogue: Catalogue) -> dict[str, ReleasedPackage]:
    imported = imported_packages(catalogue.release.imports)
    return {name: ReleasedPackage(package.descriptor) for name, (_, package) in imported.items()}


def _inputs(
    before: Catalogue, old: ReleaseEntry, after: Catalogue, new: ReleaseEntry
) -> tuple[InputChange, ...] | None:
    """Return the inputs that differ between two builds; None where a mirror no longer has their documents."""
    try:
        return input_changes(_plan(before, old), _plan(after, new))
    except DownloadError as error:
        if not error.is_lacking:
            raise
        return None


def _plan(catalogue: Catalogue, entry: ReleaseEntry) -> Plan:
    """Return the plan of a package: its digest is in the descriptor, which the signed release names by digest."""
    read, what = catalogue.downloads.read, f"description of {entry.name}"
    return plan_by_digest(read(entry.provenance, what), Descriptor.from_json(read(entry.descriptor, what)).plan)
