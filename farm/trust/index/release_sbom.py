"""The bill of materials of a release: its packages, their needs, and their own documents.

It is made from the signed index and the documents that this names, so that everybody gets exactly the same bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.core.names.utc import read_utc_text
from farm.core.plan.purl import package_purl, purl_reference
from farm.core.plan.sbom import (
    DOCUMENT,
    NOT_SAID,
    PACKAGE,
    checksum,
    document,
    document_id,
    element,
    element_id,
    external_document,
    namespace_of,
    organization,
    relationship,
)
from farm.trust.index.imports import imported_packages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.trust.index.imports import Import, ImportedPackage
    from farm.trust.index.release_index import Release, ReleaseEntry


def release_sbom(release: Release, entries: Sequence[ReleaseEntry], licenses: Mapping[str, str]) -> bytes:
    """Return the SPDX document of a release as canonical JSON.

    `licenses` are the packages' licenses by short name, as `license_in` finds them; a missing one is left out.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    imported = sorted(imported_packages(release.imports).items())
    return document(
        name=f"{release.distribution}/{release.channel} {release.number}",
        namespace=namespace_of(release.distribution, release.digest),
        created=read_utc_text(release.released_at),
        creator=organization(release.distribution),
        packages=[
            *(_package(release.distribution, entry, licenses.get(entry.name, NOT_SAID)) for entry in ordered),
            *(_imported(name, *found) for name, found in imported),
        ],
        relationships=[
            *(relation for entry in ordered for relation in _relationships(entry)),
            *(_needs(name, need) for name, (_, package) in imported for need in package.needs),
        ],
        external=[
            external_document(
                entry.name, entry.sbom.digest, namespace_of(release.distribution, entry.descriptor.digest)
            )
            for entry in ordered
            if entry.sbom
        ],
    )


def license_in(sbom: bytes) -> str:
    """Return the license of the package that a document of `farm.core.plan.sbom` describes. Raises `ValueError`."""
    try:
        found = next(package for package in json.loads(sbom)["packages"] if package["SPDXID"] == PACKAGE)
        return str(found["licenseDeclared"])
    except (KeyError, TypeError, StopIteration) as error:
        raise ValueError(f"it describes no package: {error!r:.100}") from error


def _package(distribution: str, entry: ReleaseEntry, license: str) -> dict[str, Any]:
    version = f"{entry.version}-{entry.revision}"
    return element(
        element_id("Package", entry.name),
        entry.name,
        checksums=[checksum(entry.archive.digest)],
        externalRefs=[purl_reference(package_purl(distribution, entry.name, version))],
        licenseConcluded=license,
        licenseDeclared=license,
        summary=entry.summary,
        supplier=organization(distribution),
        versionInfo=version,
    )


def _imported(name: str, pin: Import, package: ImportedPackage) -> dict[str, Any]:
    """Return an imported package: its own distribution describes the rest."""
    return element(
        element_id("Package", name),
        name,
        externalRefs=[purl_reference(package_purl(pin.distribution, package.name))],
        sourceInfo=f"the package {package.descriptor} of {pin}, {pin.release}",
        supplier=organization(pin.distribution),
    )


def _needs(name: str, need: str) -> dict[str, str]:
    return relationship(element_id("Package", name), "DEPENDS_ON", element_id("Package", need))


def _relationships(entry: ReleaseEntry) -> list[dict[str, str]]:
    own = element_id("Package", entry.name)
    found = [relationship(DOCUMENT, "DESCRIBES", own)]
    found += [_needs(entry.name, need) for need in entry.needs]
    if entry.sbom:
        found.append(relationship(own, "DESCRIBED_BY", f"{document_id(entry.name)}:{DOCUMENT}"))
    return found
