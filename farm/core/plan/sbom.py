"""The SBOM of a package: what it is, and what it was made from and with. SPDX 2.3 as JSON, reproducible.

Nothing in it depends on when or where it is written: its time is the build's, and its name comes from the descriptor.
Specification: https://spdx.github.io/spdx-spec/v2.3/
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.fileset.manifest import File, Link
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.names.utc import utc_text
from farm.core.plan.debian import SUPPLIER as DEBIAN
from farm.core.plan.debian import DebianBinary
from farm.core.plan.job import SourceOrigin
from farm.core.plan.purl import package_purl, purl_reference, source_purl

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.package_name import PackageName
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.plan import Plan, PlannedDependency, PlannedSource
    from farm.core.recipe.recipe import CarriedSource, Recipe
    from farm.core.recipe.toolchain import ToolchainLock

SPDX_VERSION = "SPDX-2.3"
DATA_LICENSE = "CC0-1.0"
DOCUMENT = "SPDXRef-DOCUMENT"
PACKAGE = "SPDXRef-Package"
NOT_SAID = "NOASSERTION"
TOOLCHAIN = "SPDXRef-Toolchain"
_TREE = "tree-digest"
_LOCK = "toolchain-lock"
_LATEST = 253_402_300_799  # the last second of the year 9999, the limit of the date format
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.")


def source_addresses(plan: Plan, recipe: Recipe, lock: ToolchainLock | None) -> Mapping[Digest, SourceOrigin]:
    """Return the addresses of a plan's sources as its recipe declares them, by digest.

    `lock` gives the version of a Debian package of the toolchain.
    """
    called = {deb.name: deb.reference for deb in lock.debs} if lock else {}
    digests = {source.file: source.digest for source in plan.sources}
    return {
        digest: SourceOrigin(
            digest, source.url, debian_package=called.get(source.debian_package, source.debian_package)
        )
        for source in recipe.sources
        if (digest := digests.get(source.file))
    }


def package_sbom(
    descriptor: Descriptor,
    plan: Plan,
    *,
    archive: Digest,
    manifest: Manifest,
    addresses: Mapping[Digest, SourceOrigin],
    carried: Sequence[CarriedSource] = (),
    linked: Collection[str] = (),
    lock: Digest | None = None,
    toolchain: Digest | None = None,
    build: int = FIRST_BUILD,
) -> bytes:
    """Return the SPDX document of a package as canonical JSON.

    `archive` is the digest of the published file, `addresses` are the addresses of sources, by digest; without one, a
    source has no address in the document. The plan is the one that the descriptor names. `linked` are those
    dependencies (short names) whose static code the build opened. `lock` is the list of packages that the toolchain was
    made from, `toolchain` the digest of its archive, `build` the build number. `carried` are the files from which
    Debian built those of the sources that are its packages.
    """
    supplier = organization(descriptor.name.distribution)
    sources = [_source(number, source, addresses.get(source.digest)) for number, source in enumerate(plan.sources, 1)]
    made_by = _toolchain(plan, supplier, lock, toolchain)
    originals, built_from = _originals(carried, sources)
    dependencies = [_dependency(dependency, descriptor.name.distribution) for dependency in plan.dependencies]
    made_from = [relationship(PACKAGE, "GENERATED_FROM", source["SPDXID"]) for source in sources]
    made_with = [relationship(part["SPDXID"], "BUILD_DEPENDENCY_OF", PACKAGE) for part in (made_by, *dependencies)]
    holds = [
        relationship(PACKAGE, "STATIC_LINK", element["SPDXID"])
        for dependency, element in zip(plan.dependencies, dependencies, strict=True)
        if dependency.name.short in linked
    ]
    return document(
        name=f"{descriptor.name.short}-{printed_version(descriptor.version, descriptor.revision, build)}",
        namespace=namespace_of(descriptor.name.distribution, descriptor.digest),
        created=datetime.fromtimestamp(min(plan.source_epoch, _LATEST), UTC),
        creator=supplier,
        packages=[
            _package(descriptor, build, archive, manifest, supplier) | _not_built_here(plan, addresses),
            *sources,
            *originals,
            made_by,
            *dependencies,
        ],
        relationships=[relationship(DOCUMENT, "DESCRIBES", PACKAGE), *made_from, *built_from, *made_with, *holds],
    )


def toolchain_lock_in(content: bytes) -> Digest | None:
    """Return the toolchain's package list that a package's document names; None where there is none."""
    try:
        (toolchain,) = (package for package in json.loads(content)["packages"] if package["SPDXID"] == TOOLCHAIN)
        (lock,) = (
            reference["referenceLocator"]
            for reference in toolchain["externalRefs"]
            if reference["referenceType"] == _LOCK
        )
        return Digest(lock)
    except (ValueError, LookupError, TypeError, InvalidDigestError):
        return None


def document(
    *,
    name: str,
    namespace: str,
    created: datetime,
    creator: str,
    packages: Sequence[Mapping[str, Any]],
    relationships: Sequence[Mapping[str, str]],
    external: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """Return an SPDX document as canonical JSON; `external` are the references to other documents."""
    form: dict[str, Any] = {
        "SPDXID": DOCUMENT,
        "creationInfo": {
            "created": utc_text(created),
            "creators": [creator, "Tool: farm"],
        },
        "dataLicense": DATA_LICENSE,
        "documentNamespace": namespace,
        "name": name,
        "packages": packages,
        "relationships": relationships,
        "spdxVersion": SPDX_VERSION,
    }
    if external:
        form["externalDocumentRefs"] = external
    return canonical_json(form)


def namespace_of(distribution: str, digest: Digest) -> str:
    """Return the permanent URI of a document: that of what it describes."""
    return f"https://{distribution}/spdx/{digest.hex}"


def organization(distribution: str) -> str:
    """Return a distribution in the form of an SPDX supplier or creator."""
    return f"Organization: {distribution}"


def element_id(kind: str, name: str) -> str:
    """Return the identifier of an element, unique among names of this kind."""
    return f"SPDXRef-{kind}-{spdx_id(name)}"


def dependency_id(name: PackageName, within: str) -> str:
    """Return the identifier of a dependency in a document of the distribution `within`."""
    return element_id("Dependency", called(name, within))


def called(name: PackageName, within: str) -> str:
    """Return the name of a package in a document: a package of another distribution may have the same short name."""
    return name.short if name.distribution == within else str(name)


def spdx_id(name: str) -> str:
    """Return a name in the characters that SPDX identifiers allow: A-Z a-z 0-9 . and -; names stay distinct."""
    return "".join(character if character in _ALLOWED else f"-{ord(character):x}-" for character in name)


def document_id(name: str) -> str:
    """Return the identifier under which a document refers to the document of a package."""
    return f"DocumentRef-{spdx_id(name)}"


def external_document(name: str, sbom: Digest, namespace: str) -> dict[str, Any]:
    """Return the reference to the document of a package, which has this digest and namespace."""
    return {"checksum": checksum(sbom), "externalDocumentId": document_id(name), "spdxDocument": namespace}


def relationship(element: str, kind: str, other: str) -> dict[str, str]:
    """Return a relationship between two elements."""
    return {"relatedSpdxElement": other, "relationshipType": kind, "spdxElementId": element}


def checksum(digest: Digest) -> dict[str, str]:
    """Return a digest in the form of SPDX."""
    return {"algorithm": "SHA256", "checksumValue": digest.hex}


def element(identifier: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a package of a document, with only the given properties."""
    return {
        "SPDXID": identifier,
        "copyrightText": NOT_SAID,
        "downloadLocation": NOT_SAID,
        "filesAnalyzed": False,
        "licenseConcluded": NOT_SAID,
        "licenseDeclared": NOT_SAID,
        "name": name,
    } | more


def _package(descriptor: Descriptor, build: int, archive: Digest, manifest: Manifest, supplier: str) -> dict[str, Any]:
    files = list(manifest.files())
    links = sum(isinstance(entry, Link) for entry in manifest.entries)
    version = printed_version(descriptor.version, descriptor.revision, build)
    return element(
        PACKAGE,
        descriptor.name.short,
        checksums=[checksum(archive)],
        comment=_counted(files, links),
        externalRefs=[
            _tree(descriptor.tree),
            _reference("package-digest", descriptor.digest),
            purl_reference(package_purl(descriptor.name.distribution, descriptor.name.short, version)),
        ],
        licenseConcluded=descriptor.license,
        licenseDeclared=descriptor.license,
        supplier=supplier,
        versionInfo=version,
    )


def _source(number: int, source: PlannedSource, address: SourceOrigin | None) -> dict[str, Any]:
    more: dict[str, Any] = {"checksums": [checksum(source.digest)]}
    if address and address.url:
        more["downloadLocation"] = address.url
        more["externalRefs"] = [purl_reference(source_purl(source.file, source.digest, address.url))]
    if address and address.debian_package:
        binary = DebianBinary.parse(address.debian_package)
        more["comment"] = f"The Debian package {binary.label} of the toolchain."
        more |= {"externalRefs": [purl_reference(binary.purl)], "originator": DEBIAN, "supplier": DEBIAN}
        if binary.version:
            more["versionInfo"] = binary.version
    return element(f"SPDXRef-Source-{number}", source.file, **more)


def _originals(
    carried: Sequence[CarriedSource], sources: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the carried sources, and the relationships of the sources that Debian built from them."""
    elements, relationships = [], []
    for number, original in enumerate(carried, 1):
        found = element(
            f"SPDXRef-Original-{number}",
            original.file,
            checksums=[checksum(original.digest)],
            comment=f"The source that Debian built {', '.join(original.of)} from; carried, and not built here.",
            originator=DEBIAN,
            **({"downloadLocation": original.url} if original.url else {}),
        )
        elements.append(found)
        relationships += [
            relationship(source["SPDXID"], "GENERATED_FROM", found["SPDXID"])
            for source in sources
            if source["name"] in original.of
        ]
    return elements, relationships


def _not_built_here(plan: Plan, addresses: Mapping[Digest, SourceOrigin]) -> dict[str, Any]:
    """Return the SPDX properties of a package with files of Debian's binary packages."""
    found = [addresses[source.digest].debian_package for source in plan.sources if source.digest in addresses]
    debs = ", ".join(DebianBinary.parse(package).label for package in found if package)
    if not debs:
        return {}
    return {
        "originator": DEBIAN,
        "sourceInfo": f"Holds files of Debian's binary packages {debs}: Debian built these, and not this distribution.",
    }


def _toolchain(plan: Plan, supplier: str, lock: Digest | None, archive: Digest | None) -> dict[str, Any]:
    more: dict[str, Any] = {"checksums": [checksum(archive)]} if archive else {}
    return element(
        TOOLCHAIN,
        "toolchain",
        externalRefs=[_tree(plan.toolchain), *([_reference(_LOCK, lock)] if lock else [])],
        supplier=supplier,
        versionInfo=plan.toolchain.hex,
        **more,
    )


def _dependency(dependency: PlannedDependency, within: str) -> dict[str, Any]:
    name = dependency.name
    version = str(dependency.version)
    return element(
        dependency_id(name, within),
        called(name, within),
        externalRefs=[_tree(dependency.tree), purl_reference(package_purl(name.distribution, name.short, version))],
        supplier=organization(name.distribution),
        versionInfo=version,
    )


def _tree(digest: Digest) -> dict[str, str]:
    return _reference(_TREE, digest)


def _reference(kind: str, digest: Digest) -> dict[str, str]:
    return {"referenceCategory": "OTHER", "referenceLocator": digest, "referenceType": kind}


def _counted(files: Iterable[File], links: int) -> str:
    sizes = [file.size for file in files]
    return f"{len(sizes)} files with {sum(sizes)} bytes, and {links} links."
