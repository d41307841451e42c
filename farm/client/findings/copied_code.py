"""Code that was linked into packages when they were built: from which libraries, and from which builds of them.

It is read from the provenance that the signed index names, or that a set has recorded.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from farm.client.findings.report import CopiedCode
from farm.client.findings.static_copies import LIBRARY_PARTS, consumed_in
from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.core.names.package_name import PackageName
from farm.core.package.descriptor import Descriptor
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.client.findings.report import AuditedPackage
    from farm.client.repository.catalogue import Catalogue
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class CarriedCode:
    """The code that a package carries; with `is_known` false there may be more: its build was not fully traced."""

    copies: tuple[CopiedCode, ...]
    is_known: bool = True


_UNKNOWN = CarriedCode((), is_known=False)


class Carriers:
    """Reads provenance, each document once. `evidence` are recorded provenances by descriptor."""

    def __init__(self, catalogue: Catalogue, evidence: Mapping[str, BlobRef]) -> None:
        self._catalogue = catalogue
        self._evidence = evidence
        self._read = cache(self._carried_by)
        self.exactly = cache(partial(_with_revision, catalogue))

    def of(self, package: AuditedPackage) -> CarriedCode:
        """Return the code that a package carries; unknown where no release holds the package."""
        name = package.name.inside(self._catalogue.release.distribution)
        if package.descriptor and package.descriptor in self._evidence:
            return self.attested(name, self._evidence[package.descriptor])
        try:
            entry = self._entry(name, package.descriptor)
        except (DownloadError, InvalidReleaseError):
            return _UNKNOWN
        return self.attested(name, entry.provenance) if entry else _UNKNOWN

    def attested(self, name: str, provenance: BlobRef) -> CarriedCode:
        """Return the code that a package carries by a provenance; unknown where that cannot be fetched."""
        try:
            return self._read(name, provenance)
        except (DownloadError, UnknownPackageError):
            return _UNKNOWN

    def _carried_by(self, name: str, provenance: BlobRef) -> CarriedCode:
        return carried_by(self._catalogue.home_of(name).downloads.read(provenance, f"provenance of {name}"))

    def _entry(self, name: str, descriptor: Digest | None) -> ReleaseEntry | None:
        """Return the entry of a build; with `descriptor` None, the newest."""
        newest = None
        with suppress(UnknownPackageError, DownloadError):  # the entry of an earlier release may be here, and suffice
            newest = self._catalogue.entry(name)
        if newest and descriptor in (None, newest.descriptor.digest):
            return newest
        if "/" in name:
            return None
        for _, index in releases_back(self._catalogue):
            with suppress(DownloadError):
                entry = index.entry(name)
                if entry and entry.descriptor.digest == descriptor:
                    return entry
        return None


def carried_by(provenance: bytes) -> CarriedCode:
    """Return the code that a build attests to have linked in. `provenance` is an envelope of a verified digest."""
    copies, is_known = [], True
    for consumed, version in consumed_in(provenance):
        if "static" in consumed.kinds:
            copies.append(CopiedCode(_source_of(consumed.library), version, consumed.tree))
        is_known = is_known and consumed.is_known
    return CarriedCode(tuple(sorted(copies, key=lambda copy: copy.library)), is_known)


def _with_revision(catalogue: Catalogue, copy: CopiedCode) -> CopiedCode:
    """Return the code with the revision of its build, where that can be found: of the release that holds its tree."""
    if copy.library.distribution != catalogue.release.distribution:
        return copy
    seen: set[str] = set()
    with suppress(DownloadError, InvalidReleaseError):  # a mirror need not have all; then the version counts
        for _, index in releases_back(catalogue):
            for name in (f"{copy.library.short}{part}" for part in LIBRARY_PARTS):
                listing = index.listing(name)
                if listing is None or listing.version != copy.version or listing.entry.digest in seen:
                    continue
                seen.add(listing.entry.digest)
                entry = index.entry(name)
                if entry and _tree(catalogue, name, entry.descriptor) == copy.tree:
                    return replace(copy, revision=entry.revision)
    return copy


def _tree(catalogue: Catalogue, name: str, descriptor: BlobRef) -> Digest:
    return Descriptor.from_json(catalogue.downloads.read(descriptor, f"descriptor of {name}")).tree


def _source_of(library: PackageName) -> PackageName:
    """Return the name by which advisories refer to a library, given the part of it that others link with."""
    for part in LIBRARY_PARTS:
        if part and library.short.endswith(part):
            return PackageName(library.distribution, library.short.removesuffix(part))
    return library
