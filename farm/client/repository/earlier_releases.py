"""Searching the releases of a channel backwards from a verified one: each names its predecessor by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.repository.download import DownloadError
from farm.client.repository.placed_packages import release_ref
from farm.core.names.printed_version import printed_version
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.index.earlier_release import LARGEST_HEAD
from farm.trust.index.release_index import InvalidReleaseError, Release
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.core.sets.members.set_record import PlacedPackage
    from farm.trust.index.release_index import ReleaseEntry

MOST_RELEASES = 200
"""The number of releases that are searched, back from the newest."""


def catalogue_with(host: Host, catalogue: Catalogue, name: str, version: str) -> Catalogue:
    """Return the newest release that holds a package in a version (`3.5.4`, `3.5.4-1`) or exact build (`3.5.4-1+b2`).

    Raises `no-such-version`, and what opening an earlier release raises.
    """
    seen: dict[str, None] = {}
    for release, index in releases_back(catalogue):
        listing = index.listing(name)
        if listing is None:
            continue
        full = printed_version(listing.version, listing.revision)
        if version in (listing.version, full) or (
            version.startswith(f"{full}+") and version == _printed(catalogue, index, name)
        ):
            if release == catalogue.release:
                return catalogue
            return host.pinned(release_ref(release))
        seen[full] = None
    release = catalogue.release
    raise FarmError(
        f"no release of {release.subscription} that can be had holds {name} {version}",
        remedy=f"There are {', '.join(seen)}." if seen else "",
        code="no-such-version",
    )


def _printed(catalogue: Catalogue, index: IndexTree, name: str) -> str:
    """Return the full version of a package as its provenance states it, used only for comparison."""
    from farm.trust.attestation.provenance import build_number_of  # noqa: PLC0415  (loads all key types)

    entry = index.entry(name)
    if entry is None:
        return ""
    provenance = catalogue.downloads.read(entry.provenance, f"provenance of {name}")
    return printed_version(entry.version, entry.revision, build_number_of(provenance))


def entry_of(catalogue: Catalogue, placed: PlacedPackage) -> ReleaseEntry | None:
    """Return the entry of this exact build in the newest release that has it; None where none can be read."""
    found = release_with(catalogue, placed.name.short, lambda entry: entry.descriptor.digest == placed.descriptor)
    return found[1] if found else None


def release_with(
    catalogue: Catalogue, name: str, is_it: Callable[[ReleaseEntry], bool]
) -> tuple[Release, ReleaseEntry] | None:
    """Return the newest release with an accepted entry of a package, and the entry; None where none can be read."""
    for release, index in releases_back(catalogue):
        entry = index.entry(name)
        if entry is not None and is_it(entry):
            return release, entry
    return None


def releases_back(catalogue: Catalogue) -> Iterator[tuple[Release, IndexTree]]:
    """Yield the catalogue's release and the releases before it with their indexes, as far as they can be read."""
    release = catalogue.release
    what = f"index of an earlier release of {release.subscription}"
    for _ in range(MOST_RELEASES):
        yield release, IndexTree(lambda blob: catalogue.downloads.read(blob, what), release.index)
        if release.previous is None:
            return
        try:
            release = Release.from_json(catalogue.downloads.read(BlobRef(release.previous, LARGEST_HEAD), what))
        except (DownloadError, InvalidReleaseError):
            return  # a mirror need not keep them all
