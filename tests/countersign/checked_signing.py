"""Signing as the signer does it, in this process: checked first, with evidence that names nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.countersign.decision import Decision
from farm.countersign.ledger import Ledger
from farm.countersign.standing import PinnedRepository
from farm.trust.layout import BLOBS
from farm.trust.published_identities import PublishedRecord
from farm.trust.release_evidence import ReleaseEvidence
from workers.signer import sign

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.release_index import Release
    from farm.trust.repository import Repository
    from farm.trust.signers import Signers


def sign_checked(repository: Repository, signers: Signers, record: Path, release: Release) -> None:
    """Let a signer that has just been started, with its record there, sign a release of a repository without policy."""
    evidence = BlobStore(repository.root / BLOBS).put_bytes(ReleaseEvidence().to_json())
    ledger = Ledger(record)
    pinned = PinnedRepository(repository.root, ledger)
    sign(pinned, signers, Decision(pinned, PublishedRecord(record), ledger), release, evidence, ledger=ledger)
