"""A farm without HTTP: real rows, real blobs, real recipes; its workers' packages are made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from zstandard import ZstdCompressor

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import Directory, File, Manifest
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.package.facts import DebugFile, ElfFile, PackageFacts, Script
from farm.core.plan.job import BlobRef, BuildOrder, BuildOutcome, BuiltPackage
from farm.core.plan.outputs import describe_output
from farm.core.recipe.steps import StepLibrary
from farm.core.recipe.toolchain import LockedDeb, ToolchainLock
from farm.server.documents.log_store import LogStore
from farm.server.identities import access, identities
from farm.server.jobs import jobs
from farm.server.jobs.finishing import fail, finish_build
from farm.server.jobs.leases import Holder, Lease, claim
from farm.server.packages import packages
from farm.server.submissions.submission import Submission, submit
from farm.server.transaction.planning_inputs import LeasePolicy, PlanningInputs, ToolchainRef
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from tests.core.sets.values import elf as elf_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from farm.core.package.descriptor import Descriptor
    from farm.core.package.elf.facts import ElfFacts
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.plan import Plan
    from farm.server.tables.records import Job, Package, Worker
    from farm.server.tables.session import Database
    from farm.server.tables.states import JobState

LOCK = ToolchainLock("c", (LockedDeb("libc6", "2.41-1", "amd64", Digest.of(b"libc6.deb"), 9, "pool/libc6.deb"),))
TOOLCHAIN_TREE = Manifest.of([File("usr/bin/cc", 2, Digest.of(b"cc"), executable=True)])
TOOLCHAIN_ARCHIVE = b"toolchain archive"
TOOLCHAIN = ToolchainRef(
    name="c",
    tree=TOOLCHAIN_TREE.tree_digest,
    archive=BlobRef(Digest.of(TOOLCHAIN_ARCHIVE), len(TOOLCHAIN_ARCHIVE)),
    manifest=BlobRef(TOOLCHAIN_TREE.tree_digest, len(TOOLCHAIN_TREE.to_json())),
    debs={deb.name: deb.digest for deb in LOCK.debs},
    lock=LOCK.digest,
)
WORLD = PlanningInputs("dist.example.org", Platform.parse("linux/amd64"), {"c": TOOLCHAIN}, StepLibrary({}))
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def recipe(
    name: str,
    *,
    needs: tuple[str, ...] = (),
    flag: str = "",
    more: str = "",
    version: str = "1.0",
    revision: int = 1,
) -> dict[str, bytes]:
    """The files of a small recipe; another `flag` makes another build."""
    text = f"""\
name: {name}
version: "{version}"
revision: {revision}
summary: The {name} package
license: MIT
toolchain: c
build-needs: [{", ".join(needs)}]
steps:
  - run: make install FLAG={flag}
{more}"""
    return {"recipe.yaml": text.encode()}


def _said(files: Mapping[str, bytes], key: str) -> str:
    lines = files["recipe.yaml"].decode().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith(f"{key}: "))


def accept_provenance(
    envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int
) -> tuple[Consumption, ...]:
    assert envelope
    return ()


def archive_of(manifest: Manifest, name: str, version: str, contents: Mapping[str, bytes]) -> bytes:
    """The archive of a package whose files have these contents."""
    writer = ArchiveWriter(f"{STORE_ROOT}/{manifest.store_path(name, version)}")
    return b"".join(writer.archive(manifest, lambda file: (contents[file.path],)))


def key_of(worker: str) -> CryptoSigner:
    """The key of a worker of this name, the same in each farm."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(Digest.of(worker.encode()).hex)))


@dataclass
class SmallFarm:
    application: Application
    clock: Clock
    workers: dict[str, Worker] = field(default_factory=dict)
    signers: dict[str, CryptoSigner] = field(default_factory=dict)
    shapes: dict[tuple[str, str], tuple[Mapping[str, ElfFacts], tuple[str, ...]]] = field(default_factory=dict)
    debug_data: bool = False
    """Whether builds make debug data for their ELF files."""
    builder: CryptoSigner | None = None
    """The signer of provenances; without one they are not real."""
    producers: tuple[str, ...] = ("GNU C17 14.2.0",)
    """The compiler record in the debug data."""

    @classmethod
    def open(
        cls,
        database: Database,
        directory: Path,
        policy: LeasePolicy | None = None,
        *,
        real_time: bool = False,
    ) -> Self:
        blobs, logs, clock = BlobStore(directory / "blobs"), LogStore(directory / "logs"), Clock()
        for content in (LOCK.to_text(), TOOLCHAIN_TREE.to_json(), TOOLCHAIN_ARCHIVE):
            blobs.put_bytes(content)
        application = Application.open(database, blobs, logs, WORLD, policy or LeasePolicy())
        farm = cls(application if real_time else replace(application, clock=clock), clock)
        for name in ("one", "two"):
            farm.enrol(name)
        return farm

    def enrol(self, name: str, *, builds: bool = True, tests: bool = True) -> Worker:
        self.signers[name] = key_of(name)
        with self.application.writing() as unit:
            key = self.signers[name].public_key.keyval["public"]
            self.workers[name] = access.enrol(
                unit, name=name, public_key=key, builds=builds, tests=tests, by="operator"
            )
        return self.workers[name]

    def submit(self, *recipes: dict[str, bytes]) -> Submission:
        named = {_said(files, "name"): self._declaring(files) for files in recipes}
        return submit(self.application, named, submitted_by="token:me", trace="trace")

    def _declaring(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Let a recipe declare the packages that its shape requires."""
        _, requires = self.shapes.get((_said(files, "name"), _said(files, "version").strip('"')), ({}, ()))
        declared = [need.removeprefix("package:") for need in requires if not need.startswith("soname:")]
        if not declared or b"\nrequires:" in files["recipe.yaml"]:
            return files
        return files | {"recipe.yaml": files["recipe.yaml"] + f"requires: [{', '.join(declared)}]\n".encode()}

    def is_heard_of(self, *names: str) -> None:
        """Let workers have polled just now."""
        with self.application.writing() as unit:
            for name in names:
                identities.worker_seen(unit.session, name, now=unit.now)

    def claim(self, worker: str = "one", *, hint: int | None = None) -> Lease:
        self.is_heard_of(worker)
        lease = claim(self.application, self.workers[worker], hint=hint)
        assert lease is not None, "there was nothing to claim"
        return lease

    def holder(self, lease: Lease) -> Holder:
        return Holder(self.workers[lease.attempt.worker], lease.attempt.id, lease.token)

    def shape(self, name: str, version: str, elf: Mapping[str, ElfFacts], *, requires: tuple[str, ...] = ()) -> None:
        """Let the builds of this version of a recipe have these ELF files."""
        self.shapes[name, version] = elf, requires

    def outcome(
        self,
        lease: Lease,
        *,
        content: str = "",
        requires: tuple[str, ...] = (),
        files: Mapping[str, str] | None = None,
        debug: str = "",
        producers: tuple[str, ...] | None = None,
        scripts: tuple[Script, ...] = (),
    ) -> BuildOutcome:
        """An honest worker's report; the package has one file that names the plan it was built by, and `files`.

        `debug` is the content of a debug file, in a package of its own; it is for the build ids of the ELF
        files, or `ab`, and `producers` is the compiler record in it, if not the default one.
        """
        assert isinstance(lease.order, BuildOrder)
        plan, store = lease.order.plan, self.application.blobs
        text = (content or plan.digest).encode()
        path = f"share/{plan.name.short}/x"
        elf, more = self.shapes.get((plan.name.short, str(plan.version)), ({}, ()))
        if sonames := [need.removeprefix("soname:") for need in (*requires, *more) if need.startswith("soname:")]:
            elf = {**elf, f"libexec/{plan.name.short}/uses": elf_of(needs=sonames)}
        contents = {path: text} | {file: inside.encode() for file, inside in (files or {}).items()}
        contents |= {file: file.encode() for file in elf}
        entries = [File(file, len(inside), Digest.of(inside), file in elf) for file, inside in contents.items()]
        manifest = Manifest.of([Directory("share"), *entries])
        archive = archive_of(manifest, plan.name.short, str(plan.version), contents)
        facts = PackageFacts(
            elf=tuple(sorted(ElfFile(file, value) for file, value in elf.items())),
            headers=tuple(sorted(file for file in contents if file.startswith("include/"))),
            scripts=scripts,
        )
        descriptor = describe_output(plan, "", manifest, facts, Digest.of(archive))
        built = BuiltPackage(
            descriptor,
            self._blob(ZstdCompressor().compress(archive)),
            self._blob(manifest.to_json()),
            self._blob(facts.to_json()),
        )
        ids = [parsed.details.build_id for parsed in elf.values() if parsed.details] if self.debug_data else []
        debug = debug or (plan.digest if ids else "")
        packages = (
            (
                built,
                self._debug_package(plan, debug.encode(), ids, self.producers if producers is None else producers),
            )
            if debug
            else (built,)
        )
        return BuildOutcome(packages, store.put_bytes(self._provenance(lease.order, packages)), Digest.of(b"log"))

    def _provenance(self, order: BuildOrder, packages: Sequence[BuiltPackage]) -> bytes:
        if self.builder is None:
            return b"signed"
        run = BuildRun(self.builder.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
        built = [(package.descriptor, package.archive.digest) for package in packages]
        return sign_statement(build_statement(order.plan, order.recipe_digest, built, (), run), self.builder)

    def _debug_package(
        self, plan: Plan, content: bytes, build_ids: Sequence[str], producers: tuple[str, ...]
    ) -> BuiltPackage:
        path, name = f"lib/debug/.build-id/ab/{plan.name.short}.debug", f"{plan.name.short}-debug"
        manifest = Manifest.of([File(path, len(content), Digest.of(content))])
        archive = archive_of(manifest, name, str(plan.version), {path: content})
        facts = PackageFacts(debug=tuple(DebugFile(path, build_id, producers) for build_id in build_ids or ["ab"]))
        return BuiltPackage(
            describe_output(plan, "debug", manifest, facts, Digest.of(archive)),
            self._blob(ZstdCompressor().compress(archive)),
            self._blob(manifest.to_json()),
            self._blob(facts.to_json()),
        )

    def finish(self, lease: Lease, **how: object) -> Job:
        outcome = self.outcome(lease, **how)  # type: ignore[arg-type]
        return finish_build(self.application, self.holder(lease), outcome, check_provenance=accept_provenance)

    def fail(self, lease: Lease, message: str = "make: *** [all] Error 2") -> Job:
        return fail(self.application, self.holder(lease), code="build-failed", message=message)

    def build_all(self) -> list[str]:
        """Let a worker build until nothing is ready, and return what it built, in order."""
        built = []
        while lease := claim(self.application, self.workers["one"]):
            built.append(lease.job.name)
            self.finish(lease)
        return built

    def build_all_but_tests(self) -> list[str]:
        """Like `build_all`, by a worker that does not test, so that tests stay unclaimed."""
        if "builder" not in self.workers:
            self.enrol("builder", tests=False)
        built = []
        while lease := claim(self.application, self.workers["builder"]):
            built.append(lease.job.name)
            self.finish(lease)
        return built

    def job(self, job_id: int) -> Job:
        with self.application.reading() as unit:
            found = jobs.job(unit.session, job_id)
        assert found is not None
        return found

    def states(self) -> dict[str, JobState]:
        """The state of the newest job of each recipe."""
        with self.application.reading() as unit:
            return {job.name: job.state for job in reversed(jobs.list_jobs(unit.session, limit=1000))}

    def current(self) -> dict[str, Package]:
        with self.application.reading() as unit:
            return {package.name: package for package in packages.current_packages(unit.session)}

    def _blob(self, content: bytes) -> BlobRef:
        return BlobRef(self.application.blobs.put_bytes(content), len(content))
