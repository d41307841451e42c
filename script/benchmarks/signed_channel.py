"""A signed channel of real packages: captured, described and published as the farm does, with keys in a directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from farm.checker.builds.release_check import check_release
from farm.checker.reading.change import ReleaseChange
from farm.checker.reading.published_identities import PublishedRecord
from farm.core.names.declared import HostNeeds
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.gather import gather_facts
from farm.core.plan.job import BlobRef
from farm.core.plan.plan import Plan
from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.public_store import PublicStore
from farm.store.blobs import BlobStore
from farm.store.capture import capture_tree
from farm.store.scan import scan_tree
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.index.release_index import ReleaseEntry
from farm.trust.keys.signers import read_signers
from farm.trust.layout import BLOBS
from farm.trust.metadata.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.trust.index.release_index import Release

DOMAIN = "bench.example.org"
CHANNEL = "edge"
RECIPE = Digest.of(b"recipe")


@dataclass
class Prepared:
    """A release that is ready to be published: its entries, and the new blobs of its index."""

    release: Release
    put: tuple[ReleaseEntry, ...]
    index: tuple[bytes, ...]


class SignedChannel:
    """One channel of a repository. `public` is what subscribers read; `newest` the last release, None before the first.

    `fingerprint` is that of the repository's root.
    """

    def __init__(self, directory: Path) -> None:
        self.public = directory / "public"
        self._builder = CryptoSigner.generate_ed25519()
        self._built = BlobStore(directory / "built")
        founded = found_repository(
            self.public, directory / "keys", [CHANNEL], [self._builder.public_key], datetime.now(UTC)
        )
        self.fingerprint = founded.fingerprint
        self._signers = read_signers(founded.online)
        self._repository = Repository(self.public)
        self._store = PublicStore(self.public, self._built)
        self.newest: Release | None = None
        # Nothing is written there: listed packages have no provenance to read. Lookups cost the same.
        self._record = PublishedRecord(self.public.parent / "record")

    def build(
        self, name: str, version: str, tree: Path, *, summary: str = "A sample", needs: tuple[str, ...] = ()
    ) -> ReleaseEntry:
        """Make a tree a package that can be published. `needs` are packages whose requirements are not checked."""
        captured = capture_tree(
            tree, scan_tree(tree), self._built, prefix=lambda made: f"packages/{made.store_path(name, version)}"
        )
        facts = gather_facts(captured.manifest, lambda path: (tree / path).read_bytes())
        plan = _plan(name, version)
        descriptor = describe(
            name=plan.name,
            version=plan.version,
            revision=1,
            platform=plan.platform,
            manifest=captured.manifest,
            diff_id=captured.diff_id,
            facts=facts,
            plan=plan.digest,
            license="MIT",
        )
        run = BuildRun(self._builder.public_key.keyid, "1", "then", "now", RECIPE, {})
        statement = build_statement(plan, RECIPE, [(descriptor, captured.archive.digest)], (), run)
        return ReleaseEntry(
            name=name,
            version=version,
            revision=1,
            summary=summary,
            descriptor=self._keep(descriptor.to_json()),
            archive=captured.archive,
            manifest=self._keep(captured.manifest.to_json()),
            facts=self._keep(facts.to_json()),
            provenance=self._keep(sign_statement(statement, self._builder)),
            recipe=RECIPE,
            needs=needs,
        )

    def prepare(self, put: Iterable[ReleaseEntry]) -> Prepared:
        """Make the release with these new entries."""
        put = tuple(put)
        release, index = make_release(
            self.newest, put, (), distribution=DOMAIN, channel=CHANNEL, now=datetime.now(UTC), read=self._store.read
        )
        return Prepared(release, put, index)

    def bring(self, prepared: Prepared) -> None:
        """Put new blobs in place, and check them as the signer does."""
        self._store.bring(prepared.put, prepared.index, prepared.release)
        blobs = BlobStore(self._repository.root / BLOBS)
        change = ReleaseChange.of(prepared.release, self.newest, blobs)
        check_release(change, blobs, self._repository.builders(), self._record)

    def list_only(self, entries: Iterable[ReleaseEntry]) -> None:
        """Publish entries of packages that do not exist: nobody fetches or checks these."""
        prepared = self.prepare(entries)
        self._store.bring((), prepared.index, prepared.release)
        self.sign(prepared)

    def sign(self, prepared: Prepared) -> None:
        """Sign the prepared release: role, snapshot, timestamp."""
        self._repository.publish(prepared.release, self._signers, datetime.now(UTC))
        self.newest = prepared.release

    def publish(self, *put: ReleaseEntry) -> None:
        """Prepare, bring and sign."""
        prepared = self.prepare(put)
        self.bring(prepared)
        self.sign(prepared)

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._built.put_bytes(content), len(content))


def _plan(name: str, version: str) -> Plan:
    return Plan(
        name=PackageName(DOMAIN, name),
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
        license="MIT",
        shadows=(),
        environment=(),
        source_epoch=0,
    )
