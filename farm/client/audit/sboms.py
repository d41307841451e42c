"""SBOMs for a subscriber: named by the signed index, verified by digest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.client.findings.verification_signed import SignedIndex
from farm.client.repository.catalogue import BrokenReleaseError
from farm.client.root.generations import Root
from farm.client.root.installed_set import UnlistedPackageError
from farm.core.plan.sbom import namespace_of
from farm.errors import FarmError
from farm.trust.index.release_sbom import license_in, release_sbom

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.trust.index.release_index import ReleaseEntry


class NoSbomError(FarmError):
    """A package of a release has no SBOM."""

    code = "no-sbom"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was published without a bill of materials",
            remedy="The farm that published it made none then. It comes with the next build of the package.",
        )


def sbom_of_package(catalogue: Catalogue, name: str) -> bytes:
    """Return the SPDX document of a package. Raises `NoSbomError`, `BrokenReleaseError` and what `entry` raises."""
    entry = catalogue.entry(name)
    if entry.sbom is None:
        raise NoSbomError(name)
    return _read(catalogue.home_of(name), entry)


def sbom_of_installed(host: Host, path: Path, name: str) -> bytes:
    """Return the SPDX document of a package that a root holds, from a release that holds this very build."""
    record = Root(path).installed().set
    placed = record.package(name)
    if placed is None:
        raise UnlistedPackageError(name, str(path), record)
    catalogue = SignedIndex(host, record).home(placed) if placed.channel else None
    if catalogue is None:
        raise NoSbomError(name)
    return sbom_of_package(catalogue, str(placed.name))


def sbom_of_release(catalogue: Catalogue) -> bytes:
    """Return the SPDX document of the whole release. Fetches the documents of all its packages."""
    entries = list(catalogue.entries())
    named = [(entry.sbom, f"bill of materials of {entry.name}") for entry in entries if entry.sbom]
    catalogue.downloads.ensure_all(named, lambda _blob: None)
    licenses = {entry.name: license_in(_read(catalogue, entry)) for entry in entries if entry.sbom}
    return release_sbom(catalogue.release, entries, licenses)


def _read(catalogue: Catalogue, entry: ReleaseEntry) -> bytes:
    assert entry.sbom is not None  # noqa: S101  (the callers have checked that there is one)
    content = catalogue.downloads.read(entry.sbom, f"bill of materials of {entry.name}")
    try:
        namespace = json.loads(content)["documentNamespace"]
        license_in(content)
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenReleaseError(f"the bill of materials of {entry.name} is not valid: {error}") from error
    if namespace != namespace_of(catalogue.release.distribution, entry.descriptor.digest):
        raise BrokenReleaseError(f"the bill of materials of {entry.name} describes something else: {namespace!s:.200}")
    return content
