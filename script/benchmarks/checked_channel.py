"""A channel with a signed policy, its signer and checker as processes, and one package that changes.

All other packages have only what a proof reads: descriptor, facts and manifest; and all share one provenance.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner
from zstandard import ZstdCompressor

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.facts import ElfFile, PackageFacts
from farm.core.plan.job import BlobRef
from farm.core.plan.outputs import describe_output
from farm.core.plan.pin import pin
from farm.core.plan.sbom import package_sbom
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import StepLibrary
from farm.core.recipe.toolchain import LockedDeb, ToolchainLock
from farm.errors import FarmError
from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.signer_client import SignerClient, SignerUnreachableError
from farm.signing.evidence import ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.ceremony.ceremony import found_repository, sign_policy
from farm.trust.index.release_index import ReleaseEntry
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import SignedToolchain, policy_of_files, steps_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.plan import Plan
    from farm.trust.index.release_index import Release
    from script.benchmarks.synthetic_set import SyntheticPackage

DOMAIN = "bench.example.org"
CHANNEL = "edge"
_STEPS = {"steps/install.yaml": b"name: install\nsummary: Install it\nrun:\n  - {name: install, shell: make install}\n"}
_LOCK = ToolchainLock("c", (LockedDeb("libc6", "2.41-1", "amd64", Digest.of(b"libc6.deb"), 9, "pool/libc6.deb"),))
_TREE = Digest.of(b"toolchain")
_RECIPE = """\
name: changing
version: "1.{}"
summary: The package that changes
license: MIT
toolchain: c
steps: [install]
"""


@dataclass(frozen=True)
class Asked:
    """A release that is ready to be signed, with its evidence."""

    release: Release
    evidence: Digest


@dataclass(frozen=True)
class _Build:
    """The result of a build of the package that changes."""

    descriptor: Descriptor
    manifest: Manifest
    archive: BlobRef
    provenance: BlobRef
    recipe: Digest
    plan: Plan
    summary: str


class CheckedChannel:
    """`cold` are the seconds that the checker took to start, `memory` the MiB that it used by then."""

    def __init__(self, directory: Path, packages: Sequence[SyntheticPackage]) -> None:
        self._directory, self._public = directory, directory / "public"
        self._worker = CryptoSigner.generate_ed25519()
        self._blobs = BlobStore(self._public / "blobs")
        self._versions = 0
        self._newest: Release | None = None
        self.cold, self.memory = 0.0, 0.0
        now, keys, repository = datetime.now(UTC), directory / "keys", Repository(self._public)
        found_repository(self._public, keys, [CHANNEL], [self._worker.public_key], now)
        self._blobs.put_bytes(_LOCK.to_text())
        self._blobs.put_bytes(canonical_json(steps_texts(_STEPS)))
        files = {"channels/edge.yaml": b"gates: [proof]\n", **_STEPS}
        sign_policy(repository, keys, policy_of_files(files, [SignedToolchain("c", _TREE, _LOCK.digest)]), now)
        listed = self._prepare(self._listed(packages)).release
        repository.publish(listed, read_signers(keys / "online"), datetime.now(UTC))
        self._newest = listed

    def next(self) -> Asked:
        """Build the next version of the package that changes, and bring the blobs of its release."""
        built = self._built()
        entry = self._entry(built.descriptor, built.manifest, PackageFacts(), built)
        sbom = package_sbom(
            built.descriptor,
            built.plan,
            archive=built.archive.digest,
            manifest=built.manifest,
            addresses={},
            lock=_LOCK.digest,
        )
        return self._prepare([replace(entry, summary=built.summary, sbom=self._keep(sbom))])

    @contextmanager
    def running(self) -> Iterator[SignerClient]:
        """Run both, and wait for the first release to be signed: then `cold` and `memory` are known."""
        place = {name: self._directory / name / "socket" for name in ("check", "signer")}
        common = ("--repository", self._public, "--ledger", self._directory / "ledger")
        checker = (*common, "--record", self._directory / "record", "--socket", place["check"])
        keys = self._directory / "keys" / "online"
        signer = (*common, "--keys", keys, "--socket", place["signer"], "--checker", place["check"])
        first = self.next()
        started = time.perf_counter()
        with (
            _process("workers.checker", checker, place["check"]) as pid,
            _process("workers.signer", signer, place["signer"]),
        ):
            client = SignerClient(place["signer"])
            while self._newest != first.release:
                with suppress(SignerUnreachableError):  # it has not answered yet
                    self.sign(client, first)
            self.cold = time.perf_counter() - started
            status = Path(f"/proc/{pid}/status").read_text()
            self.memory = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            yield client

    def sign(self, client: SignerClient, asked: Asked) -> None:
        """Ask for a release to be signed, as control does."""
        client.sign(asked.release, asked.evidence)
        self._newest = asked.release

    def _prepare(self, put: Iterable[ReleaseEntry]) -> Asked:
        release, index = make_release(
            self._newest,
            put,
            (),
            distribution=DOMAIN,
            channel=CHANNEL,
            now=datetime.now(UTC),
            read=lambda blob: self._blobs.read(blob.digest),
        )
        for blob in (*index, release.to_json()):
            self._blobs.put_bytes(blob)
        return Asked(release, self._blobs.put_bytes(ReleaseEvidence().to_json()))

    def _listed(self, packages: Sequence[SyntheticPackage]) -> Iterator[ReleaseEntry]:
        names, built = {package.number: package.name for package in packages}, self._built()
        for package in packages:
            soname = _soname(package.number) if package.exports else ""
            path = f"lib/{soname}" if soname else f"bin/{package.name}"
            manifest = Manifest.of([File(path, 1, Digest.of(package.name.encode()))])
            elf = ElfFacts(soname=soname, needed=tuple(_soname(need) for need, _ in package.needs))
            facts = PackageFacts(elf=(ElfFile(path, elf),))
            descriptor = describe(
                name=PackageName(DOMAIN, package.name),
                version=Version("1.0"),
                revision=1,
                platform=built.descriptor.platform,
                manifest=manifest,
                diff_id=built.descriptor.diff_id,
                facts=facts,
                plan=built.descriptor.plan,
                license="MIT",
            )
            needs = tuple(sorted(names[need] for need, _ in package.needs))
            yield self._entry(descriptor, manifest, facts, built, needs)

    def _built(self) -> _Build:
        self._versions += 1
        text = _RECIPE.format(self._versions).encode()
        recipe = load_recipe(text, file="recipe.yaml", steps=StepLibrary.from_files(_STEPS), patches={})
        self._blobs.put_bytes(RecipeContents(self._blobs.put_bytes(text), {}).to_json())
        plan = pin(
            recipe,
            distribution=DOMAIN,
            platform=Platform("linux", "amd64"),
            toolchain=_TREE,
            toolchain_debs={deb.name: deb.digest for deb in _LOCK.debs},
            dependencies=(),
        )
        content = text * 20
        manifest = Manifest.of([File("share/changing/version", len(content), Digest.of(content))])
        writer = ArchiveWriter(f"{STORE_ROOT}/{manifest.store_path('changing', str(plan.version))}")
        tar = b"".join(writer.archive(manifest, lambda _file: (content,)))
        descriptor = describe_output(plan, "", manifest, PackageFacts(), Digest.of(tar))
        archive = self._keep(ZstdCompressor().compress(tar))
        run = BuildRun(self._worker.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
        statement = build_statement(plan, recipe.digest, [(descriptor, archive.digest)], (), run)
        provenance = self._keep(sign_statement(statement, self._worker))
        return _Build(descriptor, manifest, archive, provenance, recipe.digest, plan, recipe.summary)

    def _entry(
        self,
        descriptor: Descriptor,
        manifest: Manifest,
        facts: PackageFacts,
        built: _Build,
        needs: tuple[str, ...] = (),
    ) -> ReleaseEntry:
        return ReleaseEntry(
            name=descriptor.name.short,
            version=str(descriptor.version),
            revision=descriptor.revision,
            summary="",
            descriptor=self._keep(descriptor.to_json()),
            archive=built.archive,
            manifest=self._keep(manifest.to_json()),
            facts=self._keep(facts.to_json()),
            provenance=built.provenance,
            recipe=built.recipe,
            needs=needs,
        )

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._blobs.put_bytes(content), len(content))


def _soname(number: int) -> str:
    return f"lib{number:06}.so.1"


@contextmanager
def _process(module: str, options: Sequence[object], socket: Path) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-m", module, *map(str, options)], stderr=subprocess.DEVNULL)
    try:
        while not socket.exists():
            if process.poll() is not None:
                raise FarmError(f"{module} has ended with status {process.returncode}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
