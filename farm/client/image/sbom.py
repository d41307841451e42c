"""The SBOM of an image: its packages, their dependencies, and the user's own files in it.

SPDX 2.3 as JSON. For the same image and releases the bytes are the same everywhere. There are two documents: one
attached to the image, which names it by its digest, and one of its set, which is inside the image, where scanners
search for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.plan.purl import package_purl, purl_reference
from farm.core.plan.sbom import (
    DOCUMENT,
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
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import OpenSetError, needs_of
from farm.oci.own_files import HOLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from farm.client.image.package_set import ImagePart
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord
    from farm.oci.image import OciImage

IMAGE = "SPDXRef-Image"
_OWN = "SPDXRef-OwnFiles"
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # the time in every image


def image_sbom(image: OciImage, record: SetRecord, parts: Sequence[ImagePart], released_at: str = "") -> bytes:
    """Return the SPDX document of an image as canonical JSON; `released_at` is the time of its newest release."""
    ordered = _ordered(parts)
    own = next((layer for layer in image.layers if layer.holds == HOLDS), None)
    of = "".join(f" Of {ref}, {ref.release}." for ref in record.releases)
    described = [
        element(
            IMAGE,
            "image",
            checksums=[checksum(image.digest)],
            comment=f"A set of {len(parts)} packages, {record.digest}.{of}",
            primaryPackagePurpose="CONTAINER",
            versionInfo=record.digest.hex,
        ),
        *_packages(record, ordered, lambda part: part.archive.digest),
    ]
    relations = [relationship(DOCUMENT, "DESCRIBES", IMAGE), *_dependencies(ordered)]
    for part in ordered:
        relations.append(relationship(IMAGE, "CONTAINS", _id(part)))
        if part.sbom:
            relations.append(relationship(_id(part), "DESCRIBED_BY", f"{document_id(part.member.name)}:{DOCUMENT}"))
    if own:
        comment = "Files of the image's maker, not of any package."
        described.append(element(_OWN, HOLDS, checksums=[checksum(own.diff_id)], comment=comment))
        relations.append(relationship(IMAGE, "CONTAINS", _OWN))
    distribution = parts[0].descriptor.name.distribution
    return document(
        name=f"image {image.digest}",
        namespace=namespace_of(distribution, image.digest),
        created=datetime.fromisoformat(released_at) if released_at else _EARLIEST,
        creator=organization(distribution),
        packages=described,
        relationships=relations,
        external=[
            external_document(
                part.member.name,
                part.sbom.digest,
                namespace_of(part.descriptor.name.distribution, part.descriptor.digest),
            )
            for part in ordered
            if part.sbom
        ],
    )


def set_sbom(record: SetRecord, parts: Sequence[ImagePart]) -> bytes:
    """Return the SPDX document of a set as canonical JSON: only its packages.

    It depends on the set alone, so that it can be inside an image whose digest depends only on its packages: it has no
    release, no time, and for a package's archive the digest of the uncompressed content.
    """
    ordered = _ordered(parts)
    distribution = ordered[0].descriptor.name.distribution
    return document(
        name=f"set {record.digest}",
        namespace=namespace_of(distribution, record.digest),
        created=_EARLIEST,
        creator=organization(distribution),
        packages=_packages(record, ordered, lambda part: part.descriptor.diff_id),
        relationships=[
            *(relationship(DOCUMENT, "DESCRIBES", _id(part)) for part in ordered),
            *_dependencies(ordered),
        ],
    )


def _ordered(parts: Sequence[ImagePart]) -> list[ImagePart]:
    return sorted(parts, key=lambda part: part.member.name)


def _packages(
    record: SetRecord, ordered: Sequence[ImagePart], digest: Callable[[ImagePart], Digest]
) -> list[dict[str, Any]]:
    placed = {package.descriptor: package for package in record.packages}
    return [_package(part, placed[part.descriptor.digest], digest(part)) for part in ordered]


def _dependencies(ordered: Sequence[ImagePart]) -> list[dict[str, str]]:
    needs = _needs(PackageSet.of(part.member for part in ordered))
    return [
        relationship(_id(part), "DEPENDS_ON", element_id("Package", need))
        for part in ordered
        for need in needs[part.member.name]
    ]


def _needs(members: PackageSet) -> Mapping[str, tuple[str, ...]]:
    try:
        return needs_of(members)
    except OpenSetError:
        # An accepted override leaves needs unmet: only existing packages are listed.
        providers = members.capabilities.providers
        return {
            name: tuple(sorted({found for requirement in member.requires for found in providers(requirement)} - {name}))
            for name, member in members.members.items()
        }


def _package(part: ImagePart, placed: PlacedPackage, digest: Digest) -> dict[str, Any]:
    descriptor = part.descriptor
    name = descriptor.name
    more: dict[str, Any] = {}
    if placed.stands_for or placed.why:
        more["comment"] = _of_override(placed)
    return element(
        _id(part),
        part.member.name,
        checksums=[checksum(digest)],
        externalRefs=[
            {"referenceCategory": "OTHER", "referenceLocator": descriptor.digest, "referenceType": "package-digest"},
            purl_reference(package_purl(name.distribution, name.short, placed.full_version)),
        ],
        licenseConcluded=descriptor.license,
        licenseDeclared=descriptor.license,
        supplier=organization(name.distribution),
        versionInfo=placed.full_version,
        **more,
    )


def _of_override(placed: PlacedPackage) -> str:
    said = [f"Stands in for {placed.stands_for or 'nothing'}: {placed.why}"]
    if placed.broken:
        said.append(f"That is {placed.broken.instead_of}, whose guarantees do not hold.")
        if placed.broken.dependents:
            said.append(f"Not tested with it: {', '.join(placed.broken.dependents)}.")
        said += [f"Found by the proof: {problem}." for problem in placed.broken.problems]
        if placed.broken.copies:
            said.append(f"Other code of it is linked into {', '.join(placed.broken.copies)}.")
    return "\n".join(said)


def _id(part: ImagePart) -> str:
    return element_id("Package", part.member.name)
