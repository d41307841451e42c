"""The messages between the farm and a worker: orders to build and to test, and their outcomes. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.names.printed_version import FIRST_BUILD, LAST_BUILD
from farm.core.package.descriptor import Descriptor
from farm.core.plan.plan import Plan
from farm.core.recipe.recipe import Limits, Origin, Test


@dataclass(frozen=True, slots=True)
class BlobRef(Form, record="blob"):
    """A blob by the digest and the size in bytes of the stored file; for an archive, that is the compressed file."""

    digest: Digest
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Return the reference as JSON values; written by hand, because a release has many thousands of them."""
        return {"digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class SourceOrigin(Form, record="origin of a source"):
    """An address that may have the bytes of a source.

    `debian_package` names the toolchain's own package, if it is one, in the form of `DebianBinary`.
    """

    digest: Digest
    url: str
    origins: tuple[Origin, ...] = ()
    debian_package: str = ""


@dataclass(frozen=True, slots=True)
class DependencyArchive(Form, record="archive of a package"):
    """A package as a worker fetches it: the last part of the store path, its blobs, and the digest of its descriptor.

    The digest of the manifest blob is the tree digest.
    """

    tree: Digest
    store: str
    archive: BlobRef
    manifest: BlobRef
    descriptor: Digest


@dataclass(frozen=True, slots=True)
class BuildOrder(Form, record="build order", omitted={"build"}):
    """The order to a worker to carry out one plan.

    `build` is the build number that its provenance must name; that of a first build is not written, so that older
    workers can read the order.
    """

    plan: Plan
    recipe_digest: Digest
    source_origins: tuple[SourceOrigin, ...]
    limits: Limits
    archives: tuple[DependencyArchive, ...]
    build: Annotated[int, Minimum(FIRST_BUILD + 1)] = FIRST_BUILD

    def check(self) -> None:
        """Refuse a build number above the farm's limit. Raises `InvalidRecordError`."""
        if self.build > LAST_BUILD:
            raise InvalidRecordError("build order", "build", f"is above {LAST_BUILD}")


@dataclass(frozen=True, slots=True)
class TestOrder(Form, record="test order"):
    """The order to a worker to run one package test: the test, the package tested, and the packages around it."""

    __test__ = False  # pytest would take the class for a test

    test: Test
    subject: Digest
    closure: tuple[DependencyArchive, ...]
    limits: Limits

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the same test with the same packages has one subject."""
        return Digest.of_json(self.to_dict())


@dataclass(frozen=True, slots=True)
class BuiltPackage(Form, record="built package"):
    """A package that a build made, with the blobs that hold it."""

    descriptor: Descriptor
    archive: BlobRef
    manifest: BlobRef
    facts: BlobRef

    def as_dependency(self) -> DependencyArchive:
        """Return the package in the form of another order's dependency."""
        descriptor = self.descriptor
        return DependencyArchive(descriptor.tree, descriptor.store_path, self.archive, self.manifest, descriptor.digest)


@dataclass(frozen=True, slots=True)
class BuildOutcome(Form, record="build outcome"):
    """The outcome of a successful build: its packages, and the digests of its signed provenance and of its log."""

    packages: tuple[BuiltPackage, ...]
    provenance: Digest
    log: Digest


@dataclass(frozen=True, slots=True)
class TestOutcome(Form, record="test outcome", omitted={"attestation"}):
    """How a package test ended: `exit` is the status of its command, `message` one sentence where it failed.

    `attestation` is the worker's signed statement of the outcome; older workers made none.
    """

    __test__ = False

    passed: bool
    exit: Annotated[int, Minimum(-255)]
    message: str
    log: Digest
    attestation: Digest | None = None
