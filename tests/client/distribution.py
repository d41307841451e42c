"""A small distribution on disk: packages made of a few files, published with real keys by the real signer's code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from farm.blobs import BlobStore, capture_tree, scan_tree
from farm.compat import Member, PackageSet, resolve_needs, set_digest
from farm.names import Digest, HostNeeds, PackageName, Platform, Version
from farm.package import describe, gather_facts
from farm.plan import BlobRef, Plan
from farm.trust.ceremony import Founded, found_repository, online_signers
from farm.trust.dsse import sign_statement
from farm.trust.provenance import BuildRun, build_statement
from farm.trust.release_index import Release, ReleaseEntry, index_shards
from farm.trust.repository import Repository
from workers.signer import sign

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DISTRIBUTION = "dist.example.org"
RECIPE = Digest.of(b"the recipe")


@dataclass
class SmallDistribution:
    """Packages are added, then published together; `public` is what a client reads."""

    folder: Path
    builder: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    entries: dict[str, tuple[ReleaseEntry, Member]] = field(default_factory=dict)
    founded: Founded | None = None
    released: Release | None = None

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.public / "blobs")

    def package(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        version: str = "1.0",
        requires: tuple[str, ...] = (),
        signed_by: CryptoSigner | None = None,
        recipe: Digest = RECIPE,
    ) -> None:
        tree = self.folder / "trees" / f"{name}-{version}-{len(self.entries)}"
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(content)
            (tree / path).chmod(0o755 if path.startswith("bin/") else 0o644)
        captured = capture_tree(
            tree, scan_tree(tree), self.blobs, prefix=lambda made: f"packages/{made.store_path(name, version)}"
        )
        facts = gather_facts(captured.manifest, lambda path: (tree / path).read_bytes())
        plan = plan_of(name, version)
        descriptor = describe(
            name=plan.name,
            version=plan.version,
            revision=1,
            platform=plan.platform,
            manifest=captured.manifest,
            diff_id=captured.diff_id,
            facts=facts,
            plan=plan.digest,
            licence="MIT",
            requires=requires,
        )
        run = BuildRun((signed_by or self.builder).public_key.keyid, "1", "then", "now", Digest.of(b"log"), {})
        statement = build_statement(plan, recipe, [(descriptor, captured.archive.digest)], (), run)
        entry = ReleaseEntry(
            name=name,
            version=version,
            revision=1,
            summary=f"The {name}",
            descriptor=self.keep(descriptor.to_json()),
            archive=captured.archive,
            manifest=self.keep(captured.manifest.to_json()),
            facts=self.keep(facts.to_json()),
            provenance=self.keep(sign_statement(statement, signed_by or self.builder)),
            recipe=RECIPE,
            needs=(),
        )
        self.entries[name] = (entry, Member.of(descriptor, facts, captured.manifest))

    def keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.blobs.put_bytes(content), len(content))

    def publish(self, *, checked: bool = True) -> Release:
        """Publish; unchecked, as a signer would whose checks were broken into."""
        if self.founded is None:
            self.founded = found_repository(
                self.public, self.folder / "keys", ["edge"], [self.builder.public_key], datetime.now(UTC)
            )
        needs = resolve_needs(PackageSet.of(member for _, member in self.entries.values()))
        shards = index_shards(
            ReleaseEntry(**{**{name: getattr(entry, name) for name in entry.__slots__}, "needs": needs[entry.name]})
            for entry, _ in self.entries.values()
        )
        release = Release(
            distribution=DISTRIBUTION,
            channel="edge",
            number=self.released.number + 1 if self.released else 1,
            previous=self.released.digest if self.released else None,
            released_at="2026-01-01T00:00:00Z",
            package_set=set_digest(entry.descriptor.digest for entry, _ in self.entries.values()),
            shards=tuple(self.keep(shard) for shard in shards),
        )
        repository, signers = Repository(self.public), online_signers(self.founded.online)
        if checked:
            sign(repository, signers, release)
        else:
            repository.publish(release, signers, datetime.now(UTC))
        self.released = release
        return release


def plan_of(name: str, version: str) -> Plan:
    return Plan(
        name=PackageName(DISTRIBUTION, name),
        version=Version(version),
        revision=1,
        platform=Platform("linux", "amd64"),
        toolchain=Digest.of(b"toolchain"),
        sources=(),
        dependencies=(),
        steps=(),
        outputs=(),
        links=(),
        replaces=(),
        plugins=(),
        host=HostNeeds(),
        requires=(),
        licence="MIT",
        shadows=(),
        environment=(),
        source_epoch=0,
    )
