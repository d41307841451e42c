"""Signing as signer and checker do it, in this process: checked first, with evidence that names nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.countersign.brought_orders import checked_order
from farm.countersign.decision import Decision
from farm.countersign.lists import checked_advisories, checked_reviews
from farm.ledger.ledger import Ledger
from farm.ledger.standing import PinnedRepository
from farm.ledger.state import LedgerState
from farm.trust.layout import BLOBS
from farm.trust.published_identities import PublishedRecord
from farm.trust.release_evidence import ReleaseEvidence
from workers.checked_images import make_image
from workers.signer import sign

if TYPE_CHECKING:
    from pathlib import Path

    from farm.ledger.ledger import LedgerReader
    from farm.names import Digest
    from farm.trust.asked_image import AskedImage
    from farm.trust.checked import CheckedImage, CheckedLists, CheckedOrder, VerifiedRelease
    from farm.trust.release_index import Release
    from farm.trust.repository import Repository
    from farm.trust.signers import Signers


@dataclass(frozen=True)
class ChecksHere:
    """The checker's own code, asked in this process; `decision` is about releases, `ledger` the signer's memory."""

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


def sign_checked(repository: Repository, signers: Signers, record: Path, release: Release) -> None:
    """Let a signer that has just been started, with its record there, sign a release of a repository without policy."""
    evidence = BlobStore(repository.root / BLOBS).put_bytes(ReleaseEvidence().to_json())
    ledger = Ledger(record / "ledger")
    pinned = PinnedRepository(repository.root, ledger)
    sign(pinned, signers, Decision(pinned, PublishedRecord(record), ledger), release, evidence, ledger=ledger)
