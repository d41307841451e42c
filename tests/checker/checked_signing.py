"""Signing as signer and checker do it, in this process: checked first, with evidence that names nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.checker.decision import Decision
from farm.checker.orders.advisory_lists import checked_advisories, checked_reviews
from farm.checker.orders.incoming_orders import checked_order
from farm.checker.reading.published_identities import PublishedRecord
from farm.signing.consistency import PinnedRepository, ReadLedger
from farm.signing.evidence import ReleaseEvidence
from farm.signing.ledger import Ledger, LedgerReader
from farm.signing.sign import sign_release
from farm.signing.state import LedgerState
from farm.store.blobs import BlobStore
from farm.trust.layout import BLOBS
from workers.checked_images import make_image

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.trust.attestation.check_results import CheckedImage, CheckedLists, CheckedOrder, VerifiedRelease
    from farm.trust.attestation.image_request import AskedImage
    from farm.trust.index.release_index import Release
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository


@dataclass(frozen=True)
class ChecksHere:
    """The checker's own code, in this process; `decision` decides about releases, `ledger` is the signer's memory."""

    repository: Repository
    decision: Decision | None = None
    ledger: LedgerReader | None = None

    def check(self, release: Release, evidence: Digest) -> VerifiedRelease:
        assert self.decision is not None
        return self.decision.check(release, evidence)

    def check_order(self, envelope: bytes) -> CheckedOrder:
        return checked_order(self.repository, envelope, datetime.now(UTC))

    def check_advisories(self, content: bytes) -> CheckedLists:
        return checked_advisories(self.repository, content, self._state(), datetime.now(UTC))

    def check_reviews(self, content: bytes) -> CheckedLists:
        return checked_reviews(self.repository, content, self._state(), datetime.now(UTC))

    def make_image(self, asked: AskedImage) -> CheckedImage:
        return make_image(self.repository, asked)

    def _state(self) -> LedgerState:
        return self.ledger.state() if self.ledger else LedgerState()


def pinned(public: Path) -> PinnedRepository:
    """Return a repository as a signer whose ledger is empty sees it."""
    return PinnedRepository(public, ReadLedger(LedgerReader(public / "no ledger")))


def sign_checked(repository: Repository, signers: Signers, record: Path, release: Release) -> None:
    """Let a freshly started signer with its own record sign a release of a repository without policy."""
    evidence = BlobStore(repository.root / BLOBS).put_bytes(ReleaseEvidence().to_json())
    ledger = Ledger(record / "ledger")
    published = PinnedRepository(repository.root, ledger)
    sign_release(
        published, signers, Decision(published, PublishedRecord(record), ledger), release, evidence, ledger=ledger
    )
