"""A small distribution on disk: packages made of a few files, published with real keys by the real signer's code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from farm.checker.decision import Decision
from farm.checker.reading.published_identities import PublishedRecord
from farm.core.fileset.manifest import Manifest
from farm.core.names.declared import SensitiveFile
from farm.core.names.digest import Digest
from farm.core.package.describe import describe
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.package.gather import gather_facts
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.core.plan.job import BlobRef
from farm.core.plan.plan import PlannedDependency, PlannedSource
from farm.core.recipe.contents import RecipeContents
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import needs_of
from farm.server.pipeline.repository.next_release import make_release
from farm.signing.consistency import PinnedRepository
from farm.signing.evidence import ReleaseEvidence
from farm.signing.ledger import Ledger
from farm.signing.sign import sign_release
from farm.store.blobs import BlobStore
from farm.store.capture import capture_tree
from farm.store.scan import scan_tree
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.ceremony.ceremony import Founded, found_repository
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.index.tree import entries
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.core.plan.values import bare_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.core.names.declared import HostNeeds
    from farm.core.plan.job import BuiltPackage, SourceOrigin
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.trust.index.imports import Import

DISTRIBUTION = "dist.example.org"
RECIPE = Digest.of(b"the recipe")


@dataclass
class SmallDistribution:
    """Packages are added, then published together; `public` is what a client reads. `builders` are allowed too."""

    folder: Path
    builder: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    builders: Sequence[CryptoSigner] = ()
    entries: dict[str, tuple[ReleaseEntry, Member]] = field(default_factory=dict)
    founded: Founded | None = None
    released: Release | None = None
    decision: Decision | None = None
    domain: str = DISTRIBUTION
    channel: str = "edge"
    built: dict[Digest, tuple[Plan, tuple[Consumption, ...]]] = field(default_factory=dict)
    origins: dict[Digest, tuple[SourceOrigin, ...]] = field(default_factory=dict)
    trees: dict[tuple[str, str, int], list[Digest]] = field(default_factory=dict)
    numbers: dict[Digest, int] = field(default_factory=dict)

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.public / "blobs")

    def package(
        self,
        name: str,
        files: Mapping[str, str | bytes],
        *,
        version: str = "1.0",
        requires: tuple[str, ...] = (),
        host: HostNeeds | None = None,
        signed_by: CryptoSigner | None = None,
        recipe: Digest = RECIPE,
        linked: tuple[str, ...] = (),
        untraced: bool = False,
        revision: int = 1,
        made_of: Mapping[str, bytes] | None = None,
        text: str = "",
        origins: Sequence[SourceOrigin] = (),
        sensitive: Mapping[str, str] | None = None,
        reported: PackageFacts | None = None,
        build: int = 0,
    ) -> None:
        """Add a package. It copies code of the earlier packages `linked`, and of `untraced` without a trace.

        `text` is its recipe, which is then published with the files next to it; `made_of` are the sources of the plan.
        `sensitive` are files that it declares, with the reasons. `reported` are facts that a lying worker reports,
        `build` is a build number other than the next for these files.
        """
        sources = tuple(PlannedSource(file, Digest.of(content)) for file, content in (made_of or {}).items())
        if text:
            beside = {
                file: self.keep(content).digest for file, content in (made_of or {}).items() if f"file: {file}" in text
            }
            contents = RecipeContents(self.keep(text.encode()).digest, beside)
            recipe = self.keep(contents.to_json()).digest
        tree = self.folder / "trees" / f"{name}-{version}-{len(self.entries)}"
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content if isinstance(content, bytes) else content.encode())
            (tree / path).chmod(0o755 if path.startswith("bin/") else 0o644)
        captured = capture_tree(
            tree, scan_tree(tree), self.blobs, prefix=lambda made: f"packages/{made.store_path(name, version)}"
        )
        facts = reported or gather_facts(captured.manifest, lambda path: (tree / path).read_bytes())
        libraries = [self.entries[linked_name][1].descriptor for linked_name in linked]
        dependencies = tuple(
            PlannedDependency(library.name, library.version, library.tree, direct=True) for library in libraries
        )
        plan = bare_plan(
            name,
            version=version,
            distribution=self.domain,
            dependencies=dependencies,
            revision=revision,
            sources=sources,
        )
        code = OpenedFiles.of(["lib/lib.a"])
        consumed = tuple(Consumption(library.name, library.tree, code, is_known=not untraced) for library in libraries)
        self.built[plan.digest] = plan, consumed
        self.origins[plan.digest] = tuple(origins)
        descriptor = describe(
            name=plan.name,
            version=plan.version,
            revision=revision,
            platform=plan.platform,
            manifest=captured.manifest,
            diff_id=captured.diff_id,
            facts=facts,
            plan=plan.digest,
            license="MIT",
            requires=requires,
            host=host,
            sensitive_files=[SensitiveFile(path, reason) for path, reason in (sensitive or {}).items()],
        )
        # As a farm numbers them: other files under one version and revision are another build.
        trees = self.trees.setdefault((name, version, revision), [])
        if descriptor.tree not in trees:
            trees.append(descriptor.tree)
        self.numbers[descriptor.digest] = build or trees.index(descriptor.tree) + 1
        provenance = self.provenance(descriptor, captured.archive, signed_by or self.builder, recipe)
        entry = ReleaseEntry(
            name=name,
            version=version,
            revision=revision,
            summary=f"The {name}",
            descriptor=self.keep(descriptor.to_json()),
            archive=captured.archive,
            manifest=self.keep(captured.manifest.to_json()),
            facts=self.keep(facts.to_json()),
            provenance=provenance,
            recipe=recipe if text else RECIPE,
            needs=(),
        )
        self.entries[name] = (entry, Member.of(descriptor, facts, captured.manifest))

    def add(self, package: BuiltPackage, provenance: Digest, recipe: Recipe, blobs: BlobStore) -> None:
        """Add a package that was built from a recipe, whose blobs are in another store."""
        descriptor = package.descriptor
        for blob in (package.archive, package.manifest, package.facts):
            self.blobs.put_bytes(blobs.read(blob.digest))
        name = descriptor.name.short
        entry = ReleaseEntry(
            name=name,
            version=str(descriptor.version),
            revision=descriptor.revision,
            summary=recipe.summary,
            descriptor=self.keep(descriptor.to_json()),
            archive=package.archive,
            manifest=package.manifest,
            facts=package.facts,
            provenance=self.keep(blobs.read(provenance)),
            recipe=recipe.digest,
            needs=(),
        )
        facts = PackageFacts.from_json(self.read(package.facts))
        self.entries[name] = (entry, Member.of(descriptor, facts, Manifest.from_json(self.read(package.manifest))))

    def take(self, entry: ReleaseEntry, blobs: BlobStore) -> None:
        """Add a package as another channel describes it, whose blobs are in another store."""
        for blob in entry.blobs:
            self.blobs.share(blobs, blob.digest)
        descriptor = Descriptor.from_json(self.read(entry.descriptor))
        facts = PackageFacts.from_json(self.read(entry.facts))
        self.entries[entry.name] = (entry, Member.of(descriptor, facts, Manifest.from_json(self.read(entry.manifest))))

    def provenance(self, descriptor: Descriptor, archive: BlobRef, builder: CryptoSigner, recipe: Digest) -> BlobRef:
        plan, consumed = self.built[descriptor.plan]
        run = BuildRun(
            builder.public_key.keyid,
            "1",
            "then",
            "now",
            Digest.of(b"log"),
            {},
            consumed,
            self.numbers.get(descriptor.digest, 1),
        )
        statement = build_statement(
            plan, recipe, [(descriptor, archive.digest)], self.origins.get(plan.digest, ()), run
        )
        return self.keep(sign_statement(statement, builder))

    def rebuilt(self, name: str, builder: CryptoSigner) -> BlobRef:
        """Return the provenance of another builder of the same package."""
        entry, member = self.entries[name]
        return self.provenance(member.descriptor, entry.archive, builder, entry.recipe)

    def read(self, blob: BlobRef) -> bytes:
        return self.blobs.read(blob.digest)

    def keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.blobs.put_bytes(content), len(content))

    def publish(
        self, *, checked: bool = True, imports: tuple[Import, ...] = (), foreign: Sequence[Member] = ()
    ) -> Release:
        """Publish; unchecked, as a signer whose checks were bypassed would. `foreign` are the imported packages."""
        if self.founded is None:
            allowed = [signer.public_key for signer in (self.builder, *self.builders)]
            self.founded = found_repository(
                self.public, self.folder / "keys", [self.channel], allowed, datetime.now(UTC)
            )
        members = PackageSet.of([*(member for _, member in self.entries.values()), *foreign])
        resolved = needs_of(members)
        needs = {name: resolved[name] for name in self.entries}
        put = [replace(entry, needs=needs[entry.name]) for entry, _ in self.entries.values()]
        before = self.released
        gone = {entry.name for entry in entries(self.read, before.index)} - needs.keys() if before else set()
        release, index = make_release(
            before,
            put,
            gone,
            distribution=self.domain,
            channel=self.channel,
            now=datetime(2026, 1, 1, tzinfo=UTC),
            read=self.read,
            imports=imports,
        )
        for blob in (*index, release.to_json()):
            self.keep(blob)
        signers = read_signers(self.founded.online)
        if checked:
            evidence = self.keep(ReleaseEvidence().to_json())
            # Created anew each time: packages published without a signer in between are in no record.
            ledger = Ledger(self.folder / f"ledger-{token_hex(8)}")
            repository = PinnedRepository(self.public, ledger)
            self.decision = self.decision or Decision(repository, PublishedRecord(self.folder / "record"), ledger)
            sign_release(repository, signers, self.decision, release, evidence.digest, ledger=ledger)
        else:
            Repository(self.public).publish(release, signers, datetime.now(UTC))
        self.released = release
        return release
