"""A signed channel of many packages, one of which is real and changes from release to release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from farm.blobs import BlobStore, capture_tree, scan_tree
from farm.names import Digest, HostNeeds, PackageName, Platform, Version
from farm.package import describe, gather_facts
from farm.plan import BlobRef, Plan
from farm.release.publication import PublicStore, make_release
from farm.trust.ceremony import found_repository, online_signers
from farm.trust.countersign import check_release
from farm.trust.dsse import sign_statement
from farm.trust.layout import BLOBS
from farm.trust.provenance import BuildRun, build_statement
from farm.trust.release_index import ReleaseEntry
from farm.trust.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.trust.release_index import Release
    from script.benchmarks.synthetic_set import SyntheticPackage

_DOMAIN = "bench.example.org"
_CHANNEL = "edge"
_RECIPE = Digest.of(b"recipe")
_CHANGING = "changing"


@dataclass
class Prepared:
    """A release that only waits to be published: its entries, and the blobs that its index adds."""

    release: Release
    put: tuple[ReleaseEntry, ...]
    index: tuple[bytes, ...]


class SyntheticChannel:
    """A repository with keys in a directory. Of all packages but one there is no more than their entries."""

    def __init__(self, directory: Path, packages: Sequence[SyntheticPackage]) -> None:
        self._directory = directory
        self._builder = CryptoSigner.generate_ed25519()
        self._built = BlobStore(directory / "built")
        founded = found_repository(
            directory / "public", directory / "keys", [_CHANNEL], [self._builder.public_key], datetime.now(UTC)
        )
        self._signers = online_signers(founded.online)
        self._repository = Repository(directory / "public")
        self._public = PublicStore(directory / "public", self._built)
        self._versions = 0
        names = {package.number: package.name for package in packages}
        first = self._prepared(None, tuple(_entry(package, names) for package in packages))
        self._public.bring((), first.index, first.release)  # nobody fetches or checks these packages
        self._repository.publish(first.release, self._signers, datetime.now(UTC))
        self.newest = first.release

    def build(self) -> ReleaseEntry:
        """Build the next version of the package that changes."""
        self._versions += 1
        version = f"1.{self._versions}"
        tree = self._directory / "tree"
        (tree / "share" / _CHANGING).mkdir(parents=True, exist_ok=True)
        (tree / "share" / _CHANGING / "version").write_text(version)
        captured = capture_tree(
            tree, scan_tree(tree), self._built, prefix=lambda made: f"packages/{made.store_path(_CHANGING, version)}"
        )
        facts = gather_facts(captured.manifest, lambda path: (tree / path).read_bytes())
        plan = _plan(version)
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
        )
        run = BuildRun(self._builder.public_key.keyid, "1", "then", "now", _RECIPE, {})
        statement = build_statement(plan, _RECIPE, [(descriptor, captured.archive.digest)], (), run)
        return ReleaseEntry(
            name=_CHANGING,
            version=version,
            revision=1,
            summary="The package that changes",
            descriptor=self._keep(descriptor.to_json()),
            archive=captured.archive,
            manifest=self._keep(captured.manifest.to_json()),
            facts=self._keep(facts.to_json()),
            provenance=self._keep(sign_statement(statement, self._builder)),
            recipe=_RECIPE,
            needs=(),
        )

    def prepare(self, entry: ReleaseEntry) -> Prepared:
        """Make the release that has this entry new."""
        return self._prepared(self.newest, (entry,))

    def bring(self, prepared: Prepared) -> None:
        """Put what is new in place, and look at it as the signer does."""
        self._public.bring(prepared.put, prepared.index, prepared.release)
        blobs = BlobStore(self._repository.root / BLOBS)
        check_release(prepared.release, self.newest, blobs, self._repository.builders())

    def sign(self, prepared: Prepared) -> None:
        """Sign what was brought: role, snapshot, timestamp."""
        self._repository.publish(prepared.release, self._signers, datetime.now(UTC))
        self.newest = prepared.release

    def publish(self, entry: ReleaseEntry) -> None:
        """Do all of it."""
        prepared = self.prepare(entry)
        self.bring(prepared)
        self.sign(prepared)

    def _prepared(self, previous: Release | None, put: tuple[ReleaseEntry, ...]) -> Prepared:
        release, index = make_release(
            previous, put, (), distribution=_DOMAIN, channel=_CHANNEL, now=datetime.now(UTC), read=self._public.read
        )
        return Prepared(release, put, index)

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._built.put_bytes(content), len(content))


def _entry(package: SyntheticPackage, names: dict[int, str]) -> ReleaseEntry:
    def blob(what: str) -> BlobRef:
        return BlobRef(Digest.of(f"{what} of {package.name}".encode()), 1_000 + package.number)

    return ReleaseEntry(
        name=package.name,
        version="1.0",
        revision=1,
        summary=f"Number {package.number} of the packages that are only listed",
        descriptor=blob("descriptor"),
        archive=blob("archive"),
        manifest=blob("manifest"),
        facts=blob("facts"),
        provenance=blob("provenance"),
        recipe=_RECIPE,
        needs=tuple(names[need] for need, _ in package.needs),
    )


def _plan(version: str) -> Plan:
    return Plan(
        name=PackageName(_DOMAIN, _CHANGING),
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
