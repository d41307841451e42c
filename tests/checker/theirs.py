"""Another distribution, with real keys, and what a farm that imports from it brings as proof of a signed release."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.plan.job import BlobRef
from farm.server.pipeline.repository.next_release import make_release
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.tree import entries
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.verification.release_proof import ReleaseProof

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.package.descriptor import Descriptor
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release
    from tests.checker.built import Package

THEM = "base.example.net"


@dataclass
class Theirs:
    """`blobs` are our own public ones, where control puts what the checker reads."""

    folder: Path
    blobs: BlobStore
    channel: str = "stable"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The time at which they sign what they publish."""
    releases: list[Release] = field(default_factory=list)
    made: dict[Digest, Package] = field(default_factory=dict)
    held: dict[Digest, tuple[Descriptor, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found_repository(self.public, self.folder / "keys", [self.channel], [], self.now)

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def root(self) -> Digest:
        return Digest.of(self._metadata("root"))

    @property
    def signed(self) -> dict[str, bytes]:
        """The file in which our targets role signs where packages may be imported from."""
        there = f"{{address: https://{THEM}, channel: {self.channel}, root: '{self.root}'}}"
        return {"distributions.yaml": f"{THEM}: {there}\n".encode()}

    def package(self, own: Package, name: str = "lib", **changes: Any) -> Descriptor:
        """A package of theirs that is made like one of ours."""
        made = replace(own.descriptor, name=PackageName(THEM, name), **changes)
        self.made[made.digest] = own
        return made

    def publish(self, *packages: Descriptor) -> Release:
        """Release these packages, and nothing else."""
        descriptors = {package.name.short: self._keep(package.to_json()) for package in packages}
        put = [
            replace(
                self.made[package.digest].entry,
                name=package.name.short,
                version=str(package.version),
                revision=package.revision,
                descriptor=descriptors[package.name.short],
            )
            for package in packages
        ]
        before = self.releases[-1] if self.releases else None

        def read(blob: BlobRef) -> bytes:
            return self.blobs.read(blob.digest)

        gone = {entry.name for entry in entries(read, before.index)} - descriptors.keys() if before else ()
        release, index = make_release(
            before, put, gone, distribution=THEM, channel=self.channel, now=self.now, read=read
        )
        for blob in (*index, release.to_json()):
            self.blobs.put_bytes(blob)
        Repository(self.public).publish(release, read_signers(self.folder / "keys" / "online"), self.now)
        self.releases.append(release)
        self.held[release.digest] = packages
        return release

    def taken(self, *packages: Descriptor, number: int = 0, **said: Any) -> Import:
        """What a release of ours states as imported from one of theirs, the newest or the one with `number`."""
        release = self.releases[(number or len(self.releases)) - 1]
        taken = Import(
            distribution=THEM,
            channel=self.channel,
            number=release.number,
            release=release.digest,
            root=self.root,
            address=f"https://{THEM}",
            packages=tuple(
                ImportedPackage(package.name.short, self._keep(package.to_json()).digest) for package in packages
            ),
        )
        return replace(taken, **said)

    def shown(self, number: int = 0) -> ReleaseProof:
        """The metadata that is signed now, back to the release of this number, or the newest."""
        heads = [release.digest for release in reversed(self.releases[(number or len(self.releases)) - 1 :])]
        documents = [self._metadata(role) for role in ("timestamp", "snapshot", "targets", self.channel)]
        roots = sorted((self.public / "metadata").glob("*.root.json"), key=_version)
        return ReleaseProof(
            tuple(self.blobs.put_bytes(root.read_bytes()) for root in roots),
            *map(self.blobs.put_bytes, documents),
            heads=tuple(heads),
        )

    def _metadata(self, role: str) -> bytes:
        """The newest file of a role; of root the first, which is pinned."""
        folder = self.public / "metadata"
        found = sorted(folder.glob(f"*.{role}.json"), key=_version) or [folder / f"{role}.json"]
        return found[0 if role == "root" else -1].read_bytes()

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.blobs.put_bytes(content), len(content))


def _version(path: Path) -> int:
    return int(path.name.partition(".")[0])
