"""The linked-in code of packages in a release or a set, from the provenance that the signed index names."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from farm.client.findings.copied_code import CarriedCode, carried_by, with_revision
from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.client.findings.report import AuditedPackage, CopiedCode
    from farm.client.repository.catalogue import Catalogue
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry

_UNKNOWN = CarriedCode((), is_known=False)


class Carriers:
    """Reads provenance, each document once. `evidence` are recorded provenances by descriptor."""

    def __init__(self, catalogue: Catalogue, evidence: Mapping[str, BlobRef]) -> None:
        self._catalogue = catalogue
        self._evidence = evidence
        self._read: dict[Digest, CarriedCode] = {}
        self._exact: dict[CopiedCode, CopiedCode] = {}

    def of(self, package: AuditedPackage) -> CarriedCode:
        """Return the code that a package carries; unknown where no release holds the package."""
        name = package.name.inside(self._catalogue.release.distribution)
        if package.descriptor and package.descriptor in self._evidence:
            return self._carried(name, self._evidence[package.descriptor])
        try:
            entry = self._entry(name, package.descriptor)
        except (DownloadError, InvalidReleaseError):
            return _UNKNOWN
        return self.of_entry(name, entry) if entry else _UNKNOWN

    def of_entry(self, name: str, entry: ReleaseEntry) -> CarriedCode:
        """Return the code that a package of a release carries."""
        return self._carried(name, entry.provenance)

    def exactly(self, copy: CopiedCode) -> CopiedCode:
        """Return code with the revision of its build, where that can be found."""
        if copy not in self._exact:
            self._exact[copy] = with_revision(self._catalogue, copy)
        return self._exact[copy]

    def _carried(self, name: str, provenance: BlobRef) -> CarriedCode:
        if provenance.digest not in self._read:
            try:
                content = self._catalogue.home_of(name).downloads.read(provenance, f"provenance of {name}")
            except (DownloadError, UnknownPackageError):
                return _UNKNOWN
            self._read[provenance.digest] = carried_by(content)
        return self._read[provenance.digest]

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
            entry = None
            with suppress(DownloadError):
                entry = index.entry(name)
            if entry and entry.descriptor.digest == descriptor:
                return entry
        return None
