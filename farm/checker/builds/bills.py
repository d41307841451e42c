"""Whether the bill of materials that a release names for a package is that which its plan and its recipe come to.

It is written once more and compared. Three things in it only who built the package knows: whose static code was linked,
the archive that the toolchain was taken from, and whether its list of packages was known then. These are taken as told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.plan.sbom import PACKAGE, TOOLCHAIN, dependency_id, package_sbom
from farm.core.plan.source_addresses import source_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.recipe.recipe import Recipe
    from farm.core.recipe.toolchain import ToolchainLock
    from farm.trust.attestation.provenance import VerifiedProvenance

LARGEST_BILL = 16 << 20


class OtherBillError(RefusedReleaseError):
    """A bill of materials says something else than what the package was made of."""

    code = "other-bill-of-materials"

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the bill of materials of {package} is not what its plan and its recipe come to",
            remedy="Do not trust the farm that named it. If a farm of an older version wrote it, raise the revision.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A package, and how it was made. `lock` is that of the toolchain; None for one that is not signed any more."""

    descriptor: Descriptor
    archive: Digest
    manifest: Manifest
    verified: VerifiedProvenance
    recipe: Recipe
    lock: ToolchainLock | None


def check_bill(content: bytes, made: Made) -> None:
    """See that a bill of materials is that of a package. Raises `OtherBillError`."""
    descriptor, verified, recipe, lock = made.descriptor, made.verified, made.recipe, made.lock
    told = _told(content, descriptor, verified)
    for known, read in ((lock, recipe), (None, recipe), (lock, None), (None, None)):
        wanted = package_sbom(
            descriptor,
            verified.plan,
            archive=made.archive,
            manifest=made.manifest,
            addresses=source_addresses(verified.plan, read, known) if read else {},
            carried=read.carried if read else (),
            linked=told.linked,
            lock=known.digest if known else None,
            toolchain=told.toolchain,
            build=verified.build,
        )
        if wanted == content:
            return
    raise OtherBillError(str(descriptor.name))


@dataclass(frozen=True, slots=True)
class _Told:
    linked: frozenset[str] = frozenset()
    toolchain: Digest | None = None


def _told(content: bytes, descriptor: Descriptor, verified: VerifiedProvenance) -> _Told:
    """Return what only a bill itself says; nothing of what cannot be read, which comes to another then."""
    try:
        form = json.loads(content)
        links = {relationship["relatedSpdxElement"] for relationship in form["relationships"] if _is_link(relationship)}
        within = descriptor.name.distribution
        linked = frozenset(
            dependency.name.short
            for dependency in verified.plan.dependencies
            if dependency_id(dependency.name, within) in links
        )
        return _Told(linked, next(_archives(form["packages"]), None))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, InvalidDigestError):
        return _Told()


def _is_link(relationship: dict[str, str]) -> bool:
    return (relationship["spdxElementId"], relationship["relationshipType"]) == (PACKAGE, "STATIC_LINK")


def _archives(packages: list[dict[str, Any]]) -> Iterator[Digest]:
    for package in packages:
        if package["SPDXID"] == TOOLCHAIN:
            for checksum in package.get("checksums", ()):
                yield Digest(f"sha256:{checksum['checksumValue']}")
