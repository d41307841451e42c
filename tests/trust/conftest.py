"""A small repository on disk, founded anew for each test, and a client that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.attestation.check_results import VerifiedRelease
from farm.trust.ceremony.ceremony import Founded, found_repository
from farm.trust.index.release_index import Release
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.verification.client_metadata import ChannelMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class DirectoryReader:
    """Reads a repository from a directory and records the requests."""

    root: Path

    def stream(self, path: str) -> Iterator[bytes]:
        yield (self.root / path).read_bytes()


@dataclass
class Published:
    """A founded repository with its keys."""

    root: Path
    keys: Path
    founded: Founded
    builder: CryptoSigner

    @property
    def repository(self) -> Repository:
        return Repository(self.root)

    def publish(
        self,
        number: int,
        previous: Release | None = None,
        *,
        now: datetime | None = None,
        package_set: Digest | None = None,
        distribution: str = "dist.example.org",
        checked: bool = False,
    ) -> Release:
        release = Release(
            distribution=distribution,
            channel="edge",
            number=number,
            previous=previous.digest if previous else None,
            released_at=(now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            index=BlobRef(package_set or Digest.of(b"set %d" % number), 7),
            packages=1,
        )
        self.repository.publish(
            release,
            read_signers(self.founded.online),
            now or datetime.now(UTC),
            verified=self.verified(release) if checked else None,
        )
        return release

    def verified(self, release: Release) -> VerifiedRelease:
        """What the checker would report on a release without problems."""
        return VerifiedRelease(
            release=release.digest,
            previous=release.previous,
            policy=Digest.of(self.repository.builders_document(self.repository.head())),
            evidence=Digest.of(b"evidence"),
            new=(),
            provenances=(),
            checked=(),
        )

    def client(self, state: Path) -> ChannelMetadata:
        root = (self.root / "metadata" / "1.root.json").read_bytes()
        return ChannelMetadata(state, root, DirectoryReader(self.root))


def found(folder: Path, now: datetime, *, builder_tests: bool = False) -> Published:
    """Found a repository with one builder; its test results count as well with `builder_tests`."""
    builder = CryptoSigner.generate_ed25519()
    builders = [builder.public_key]
    testers = builders if builder_tests else None
    founded = found_repository(folder / "public", folder / "keys", ["edge"], builders, now, testers=testers)
    return Published(folder / "public", folder / "keys", founded, builder)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return found(tmp_path, datetime.now(UTC))
