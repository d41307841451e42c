"""What goes between the farm and a worker: orders to build and to test, and their outcomes. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.json_reader import Record
from farm.core.names.printed_version import FIRST_BUILD, LAST_BUILD
from farm.core.package.descriptor import Descriptor
from farm.core.plan.plan import Plan
from farm.core.recipe.recipe import Limits, Origin, Test


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A blob by the digest and the size in bytes of what is stored; of an archive that is the compressed file."""

    digest: Digest
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Return the reference as JSON values."""
        return {"digest": self.digest, "size": self.size}

    @classmethod
    def from_dict(cls, value: Any) -> BlobRef:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "blob")
        blob = cls(record.digest("digest"), record.number("size"))
        record.end()
        return blob


@dataclass(frozen=True, slots=True)
class SourceOrigin:
    """Where the bytes of a source may come from. `debian_package` names the toolchain's own package, if it is one: as
    `DebianBinary` is written.
    """

    digest: Digest
    url: str
    origins: tuple[Origin, ...] = ()
    debian_package: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the origin as JSON values."""
        return {
            "debian-package": self.debian_package,
            "digest": self.digest,
            "origins": [origin.to_dict() for origin in self.origins],
            "url": self.url,
        }

    @classmethod
    def from_dict(cls, value: Any) -> SourceOrigin:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "origin of a source")
        origins = record.each("origins", Origin.from_dict)
        origin = cls(record.digest("digest"), record.text("url"), origins, record.text("debian-package"))
        record.end()
        return origin


@dataclass(frozen=True, slots=True)
class DependencyArchive:
    """A package as a worker fetches it: the store path's last part, its blobs, and the digest of its descriptor.

    The digest of the manifest blob is the tree digest.
    """

    tree: Digest
    store: str
    archive: BlobRef
    manifest: BlobRef
    descriptor: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return the archive as JSON values."""
        return {
            "archive": self.archive.to_dict(),
            "descriptor": self.descriptor,
            "manifest": self.manifest.to_dict(),
            "store": self.store,
            "tree": self.tree,
        }

    @classmethod
    def from_dict(cls, value: Any) -> DependencyArchive:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "archive of a package")
        archive = cls(
            tree=record.digest("tree"),
            store=record.text("store"),
            archive=record.read("archive", BlobRef.from_dict),
            manifest=record.read("manifest", BlobRef.from_dict),
            descriptor=record.digest("descriptor"),
        )
        record.end()
        return archive


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """All that a worker is told to carry out one plan. `build` is the number that its provenance has to name."""

    plan: Plan
    recipe_digest: Digest
    source_origins: tuple[SourceOrigin, ...]
    limits: Limits
    archives: tuple[DependencyArchive, ...]
    build: int = FIRST_BUILD

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values; without the number of a first build, so that older workers read it."""
        return ({"build": self.build} if self.build != FIRST_BUILD else {}) | {
            "archives": [archive.to_dict() for archive in self.archives],
            "limits": self.limits.to_dict(),
            "plan": self.plan.to_dict(),
            "recipe-digest": self.recipe_digest,
            "source-origins": [origin.to_dict() for origin in self.source_origins],
        }

    @classmethod
    def from_dict(cls, value: Any) -> BuildOrder:
        """Read what `to_dict` gave; raises `InvalidRecordError` and what `Plan.from_dict` raises."""
        record = Record(value, "build order")
        order = cls(
            plan=record.read("plan", Plan.from_dict),
            recipe_digest=record.digest("recipe-digest"),
            source_origins=record.each("source-origins", SourceOrigin.from_dict),
            limits=record.read("limits", Limits.from_dict),
            archives=record.each("archives", DependencyArchive.from_dict),
            build=record.number("build", minimum=FIRST_BUILD + 1, maximum=LAST_BUILD)
            if "build" in value
            else FIRST_BUILD,
        )
        record.end()
        return order


@dataclass(frozen=True, slots=True)
class TestOrder:
    """All that a worker is told to run one package test: the test, whose it is, and the packages that are there."""

    __test__ = False  # pytest would take the class for a test

    test: Test
    subject: Digest
    closure: tuple[DependencyArchive, ...]
    limits: Limits

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the same test among the same packages is one subject, whoever asks."""
        return Digest.of_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON values."""
        return {
            "closure": [archive.to_dict() for archive in self.closure],
            "limits": self.limits.to_dict(),
            "subject": self.subject,
            "test": self.test.to_dict(),
        }

    @classmethod
    def from_dict(cls, value: Any) -> TestOrder:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "test order")
        order = cls(
            test=record.read("test", Test.from_dict),
            subject=record.digest("subject"),
            closure=record.each("closure", DependencyArchive.from_dict),
            limits=record.read("limits", Limits.from_dict),
        )
        record.end()
        return order


@dataclass(frozen=True, slots=True)
class BuiltPackage:
    """A package that a build put out, with the blobs that hold it."""

    descriptor: Descriptor
    archive: BlobRef
    manifest: BlobRef
    facts: BlobRef

    def to_dict(self) -> dict[str, Any]:
        """Return the package as JSON values."""
        return {
            "archive": self.archive.to_dict(),
            "descriptor": self.descriptor.to_dict(),
            "facts": self.facts.to_dict(),
            "manifest": self.manifest.to_dict(),
        }

    @classmethod
    def from_dict(cls, value: Any) -> BuiltPackage:
        """Read what `to_dict` gave; raises `InvalidRecordError` and what `Descriptor.from_json` raises."""
        record = Record(value, "built package")
        package = cls(
            # Descriptors are read from canonical bytes alone, so that none is taken that would encode otherwise.
            descriptor=Descriptor.from_json(canonical_json(record.value("descriptor"))),
            archive=record.read("archive", BlobRef.from_dict),
            manifest=record.read("manifest", BlobRef.from_dict),
            facts=record.read("facts", BlobRef.from_dict),
        )
        record.end()
        return package

    def as_dependency(self) -> DependencyArchive:
        """Return the package as another order names it."""
        descriptor = self.descriptor
        return DependencyArchive(descriptor.tree, descriptor.store_path, self.archive, self.manifest, descriptor.digest)


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """What a successful build put out: its packages, and the digests of its signed provenance and of its log."""

    packages: tuple[BuiltPackage, ...]
    provenance: Digest
    log: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        packages = [package.to_dict() for package in self.packages]
        return {"log": self.log, "packages": packages, "provenance": self.provenance}

    @classmethod
    def from_dict(cls, value: Any) -> BuildOutcome:
        """Read what `to_dict` gave; raises `InvalidRecordError` and what `Descriptor.from_json` raises."""
        record = Record(value, "build outcome")
        packages = record.each("packages", BuiltPackage.from_dict)
        outcome = cls(packages, record.digest("provenance"), record.digest("log"))
        record.end()
        return outcome


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How a package test ended: `exit` is the status of its command, `message` one sentence where it failed.

    `attestation` is the worker's signed statement of all this; workers of before it was asked for made none.
    """

    __test__ = False

    passed: bool
    exit: int
    message: str
    log: Digest
    attestation: Digest | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values; without `attestation` where there is none."""
        known = {"exit": self.exit, "log": self.log, "message": self.message, "passed": self.passed}
        return known | ({"attestation": self.attestation} if self.attestation else {})

    @classmethod
    def from_dict(cls, value: Any) -> TestOutcome:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        attested = isinstance(value, dict) and "attestation" in value
        record = Record(value, "test outcome")
        outcome = cls(
            record.flag("passed"),
            record.number("exit", minimum=-255),
            record.text("message"),
            record.digest("log"),
            record.digest("attestation") if attested else None,
        )
        record.end()
        return outcome
