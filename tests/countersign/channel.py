"""A channel with a signed policy, its packages honestly built, and a signer that decides in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import CryptoSigner

from farm.countersign.bringing import take_order_in, take_report_in
from farm.countersign.decision import Decision
from farm.countersign.ledger import Ledger
from farm.countersign.ledger_entries import ReportOpened
from farm.countersign.standing import PinnedRepository
from farm.names import canonical_json
from farm.release.publication import make_release
from farm.trust.ceremony import found_repository, online_signers, sign_policy
from farm.trust.curator_order import NO_RELEASE, Act, CuratorOrder, order_statement
from farm.trust.drafting import TargetsEdit, draft_targets
from farm.trust.dsse import sign_statement
from farm.trust.keys import load_key
from farm.trust.promotion import publish_draft
from farm.trust.published_identities import PublishedRecord
from farm.trust.release_evidence import ReleaseEvidence, SignedTest
from farm.trust.repository import Repository
from tests.countersign.built import DISTRIBUTION, Builder
from workers.signer import sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from farm.names import Digest
    from farm.trust.release_index import Release
    from tests.countersign.built import Package


@dataclass
class Channel:
    """The channel `name` of a repository."""

    builder: Builder
    public: Path
    keys: Path
    name: str
    decision: Decision
    ledger: Ledger
    operator: CryptoSigner
    """The key of `ann`, who is signed as an operator."""

    @property
    def repository(self) -> PinnedRepository:
        return PinnedRepository(self.public, self.ledger)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def released(self) -> int:
        newest = Repository(self.public).current(self.name).release
        return newest.number if newest else 0

    def sign(
        self,
        *packages: Package,
        remove: Iterable[str] = (),
        approvals: Iterable[bytes] = (),
        tests: Iterable[SignedTest] = (),
        orders: Iterable[Digest] = (),
    ) -> None:
        """Let the signer of this process sign the next release; raises what it has against it."""
        release, evidence = self.ask(*packages, remove=remove, approvals=approvals, tests=tests, orders=orders)
        signers = online_signers(self.keys / "online")
        sign(self.repository, signers, self.decision, release, evidence, ledger=self.ledger)

    def ask(
        self,
        *packages: Package,
        remove: Iterable[str] = (),
        approvals: Iterable[bytes] = (),
        tests: Iterable[SignedTest] = (),
        orders: Iterable[Digest] = (),
    ) -> tuple[Release, Digest]:
        """Return what control asks the signer with: the next release, and where all evidence for it lies."""
        blobs, repository = self.builder.blobs, Repository(self.public)
        release, index = make_release(
            repository.current(self.name).release,
            [each.entry for each in packages],
            remove,
            distribution=DISTRIBUTION,
            channel=self.name,
            now=self.now,
            read=lambda blob: blobs.read(blob.digest),
        )
        for blob in (*index, release.to_json()):
            blobs.put_bytes(blob)
        built = tuple(each.built for each in self.builder.built.values())
        approved = tuple(map(blobs.put_bytes, approvals))
        told = ReleaseEvidence(built, approvals=approved, tests=tuple(tests), orders=tuple(orders))
        return release, blobs.put_bytes(told.to_json())

    def newest(self, channel: str = "edge") -> Release:
        newest = Repository(self.public).current(channel).release
        assert newest
        return newest

    def given(self, act: Act, **said: Any) -> CuratorOrder:
        """Return what `ann` orders of the channel as it is now, but for what is `said`."""
        newest = Repository(self.public).current(self.name).release
        order = CuratorOrder(
            act=act,
            distribution=DISTRIBUTION,
            channel=self.name,
            base=newest.digest if newest else NO_RELEASE,
            curator="ann",
            reason="so",
            at=self.now,
            expires=self.now + timedelta(days=1),
        )
        return replace(order, **said)

    def order(self, act: Act, *, key: CryptoSigner | None = None, **said: Any) -> Digest:
        """Bring an order to the signer; raises what it has against it."""
        return self.bring(self.given(act, **said), key)

    def bring(self, order: CuratorOrder, key: CryptoSigner | None = None) -> Digest:
        return take_order_in(self.repository, self.ledger, self.signed(order, key))

    def signed(self, order: CuratorOrder, key: CryptoSigner | None = None) -> bytes:
        return sign_statement(order_statement(order), key or self.operator)

    def report(self, package: Package, number: int = 1) -> None:
        told = ReportOpened(self.name, number, package.descriptor.digest, package.descriptor.label, "it crashes")
        take_report_in(self.ledger, canonical_json(told.to_dict()))


def opened_channel(
    folder: Path, policy: bytes, name: str = "edge", testers: Sequence[CryptoSigner] = (), needed: int = 1
) -> Channel:
    """Found a repository with the channels `edge` and `name`, and have the policy of `edge` signed.

    Of `testers`, as many as `needed` have to agree.
    """
    public, keys = folder / "public", folder / "keys"
    builder = Builder.at(public / "blobs")
    builder.policies = {"channels/edge.yaml": policy}
    now, listed = datetime.now(UTC), [each.public_key for each in testers]
    found_repository(public, keys, sorted({"edge", name}), [builder.worker.public_key], now, testers=listed)
    operator = CryptoSigner.generate_ed25519()
    listed_operator = (("ann", str(operator.public_key.keyval["public"])),)
    edit = TargetsEdit(tests=(("edge", needed),) if needed > 1 else (), operators=listed_operator)
    draft = draft_targets(Repository(public), edit, now)
    draft = draft.signed_by(load_key(keys / "offline" / "targets"))
    publish_draft(Repository(public), draft, online_signers(keys / "online"), now)
    sign_policy(Repository(public), keys, builder.policy(), datetime.now(UTC))
    ledger = Ledger(folder / "record")
    decision = Decision(PinnedRepository(public, ledger), PublishedRecord(folder / "record"), ledger)
    return Channel(builder, public, keys, name, decision, ledger, operator)
