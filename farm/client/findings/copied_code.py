"""Code that was linked into packages when they were built: from which libraries, and from which builds of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.findings.report import CopiedCode
from farm.client.findings.static_copies import LIBRARY_PARTS, consumed_in
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.core.names.package_name import PackageName
from farm.core.package.descriptor import Descriptor
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from farm.client.repository.catalogue import Catalogue
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef


@dataclass(frozen=True, slots=True)
class CarriedCode:
    """The code that a package carries; with `is_known` false there may be more: its build was not fully traced."""

    copies: tuple[CopiedCode, ...]
    is_known: bool = True


def carried_by(provenance: bytes) -> CarriedCode:
    """Return the code that a build attests to have linked in. `provenance` is an envelope of a verified digest."""
    copies, is_known = [], True
    for consumed, version in consumed_in(provenance):
        if "static" in consumed.kinds:
            copies.append(CopiedCode(_source_of(consumed.library), version, consumed.tree))
        is_known = is_known and consumed.is_known
    return CarriedCode(tuple(sorted(copies, key=lambda each: each.library)), is_known)


def with_revision(catalogue: Catalogue, copy: CopiedCode) -> CopiedCode:
    """Return the code with the revision of its build: that of the release that holds its tree."""
    if copy.library.distribution != catalogue.release.distribution:
        return copy
    names = [f"{copy.library.short}{part}" for part in LIBRARY_PARTS]
    seen: set[str] = set()
    try:
        for _, index in releases_back(catalogue):
            for name in names:
                listing = index.listing(name)
                if listing is None or listing.version != copy.version or listing.entry.digest in seen:
                    continue
                seen.add(listing.entry.digest)
                entry = index.entry(name)
                if entry and _tree(catalogue, name, entry.descriptor) == copy.tree:
                    return replace(copy, revision=entry.revision)
    except (DownloadError, InvalidReleaseError):
        pass  # a mirror need not have all of them; then the code is judged by its version
    return copy


def _tree(catalogue: Catalogue, name: str, descriptor: BlobRef) -> Digest:
    return Descriptor.from_json(catalogue.downloads.read(descriptor, f"descriptor of {name}")).tree


def _source_of(library: PackageName) -> PackageName:
    """Return the name by which advisories refer to a library, given the part of it that others link with."""
    for part in LIBRARY_PARTS:
        if part and library.short.endswith(part):
            return PackageName(library.distribution, library.short.removesuffix(part))
    return library
