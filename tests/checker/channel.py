"""A channel with a signed policy, its packages honestly built, and a signer that decides in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import CryptoSigner

from farm.checker.decision import Decision
from farm.checker.reading.published_identities import PublishedRecord
from farm.core.names.canonical_json import canonical_json
from farm.server.pipeline.repository.next_release import make_release
from farm.signing.consistency import PinnedRepository
from farm.signing.entries import ReportOpened
from farm.signing.evidence import ReleaseEvidence, SignedTest
from farm.signing.ledger import Ledger
from farm.signing.reports import take_report
from farm.signing.sign import sign_release, take_order
from farm.trust.attestation.advisory_statement import claims_to_sign
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, order_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.ceremony.ceremony import found_repository, sign_policy
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.repository import Repository
from tests.checker.built import DISTRIBUTION, Builder
from tests.checker.checked_signing import ChecksHere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.trust.attestation.advisory_statement import Claim
    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import Release
    from tests.checker.built import Package


@dataclass
class Clock:
    later: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later


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
    """The key of `ann`, who is listed as an operator."""

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

    @property
    def record(self) -> PublishedRecord:
        return PublishedRecord(self.public.parent / "record")

    def deciding(self, record: PublishedRecord | None = None, clock: Callable[[], datetime] | None = None) -> Decision:
        """Return a restarted signer: with its own record, unless another is given."""
        clocks = () if clock is None else (clock,)
        return Decision(self.repository, record or self.record, self.ledger, *clocks)

    def named(self, name: str) -> Channel:
        """Return another channel of the same repository."""
        return replace(self, name=name)

    def sign(
        self,
        *packages: Package,
        remove: Iterable[str] = (),
        approvals: Iterable[bytes] = (),
        tests: Iterable[SignedTest] = (),
        imports: tuple[Import, ...] = (),
        at: datetime | None = None,
        **evidence: Any,
    ) -> None:
        """Ask for the next release, dated now or `at` another time, with all evidence and `evidence` in addition.

        Raises the signer's error if it refuses.
        """
        asked = self.prepare(
            *packages, remove=remove, approvals=approvals, tests=tests, imports=imports, at=at, **evidence
        )
        self.ask(*asked)

    def ask(self, release: Release, evidence: Digest) -> None:
        """Ask for a release that was prepared."""
        sign_release(
            self.repository,
            read_signers(self.keys / "online"),
            self.decision,
            release,
            evidence,
            ledger=self.ledger,
        )

    def prepare(
        self,
        *packages: Package,
        remove: Iterable[str] = (),
        approvals: Iterable[bytes] = (),
        tests: Iterable[SignedTest] = (),
        imports: tuple[Import, ...] = (),
        at: datetime | None = None,
        **evidence: Any,
    ) -> tuple[Release, Digest]:
        """Store all that the next release needs; return it, and the digest of the evidence."""
        blobs, repository = self.builder.blobs, Repository(self.public)
        release, index = make_release(
            repository.current(self.name).release,
            [package.entry for package in packages],
            remove,
            distribution=DISTRIBUTION,
            channel=self.name,
            now=at or self.now,
            read=lambda blob: blobs.read(blob.digest),
            imports=imports,
        )
        for blob in (*index, release.to_json()):
            blobs.put_bytes(blob)
        built = {package.descriptor.digest: package.built for package in self.builder.ever}
        collected = ReleaseEvidence(
            **{
                "dependencies": tuple(built.values()),
                "approvals": tuple(map(blobs.put_bytes, approvals)),
                "tests": tuple(tests),
                **evidence,
            }
        )
        return release, blobs.put_bytes(collected.to_json())

    def newest(self, channel: str = "edge") -> Release:
        newest = Repository(self.public).current(channel).release
        assert newest
        return newest

    def given(self, act: Act, **said: Any) -> CuratorOrder:
        """Return an order by `ann` about the channel as it is now, except for `said`."""
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
        """Bring an order to the signer; raises the signer's error if it refuses."""
        return self.bring(self.given(act, **said), key)

    def advise(self, *claims: Claim, key: CryptoSigner | None = None, **said: Any) -> Digest:
        """Let `ann` sign a statement about vulnerabilities, and bring that."""
        about = {"channel": ADVISORIES, "base": NO_RELEASE, "packages": claims_to_sign(claims)}
        return self.order(Act.ADVISE, key=key, **(about | said))

    def bring(self, order: CuratorOrder, key: CryptoSigner | None = None) -> Digest:
        return take_order(self.repository, ChecksHere(self.repository), self.ledger, self.signed(order, key))

    def signed(self, order: CuratorOrder, key: CryptoSigner | None = None) -> bytes:
        return sign_statement(order_statement(order), key or self.operator)

    def report(self, package: Package, number: int = 1) -> None:
        report = ReportOpened(self.name, number, package.descriptor.digest, package.descriptor.label, "it crashes")
        take_report(self.ledger, canonical_json(report.to_dict()), ("edge", "stable"))


def opened_channel(
    folder: Path,
    policy: bytes,
    *,
    name: str = "edge",
    testers: Sequence[CryptoSigner] = (),
    needed: int = 1,
    builders: Sequence[CryptoSigner] = (),
    policies: Mapping[str, bytes] = MappingProxyType({}),
) -> Channel:
    """Found a repository with the channels `edge` and `name`; have the policy of `edge` signed, and other `policies`.

    `needed` of the `testers` must agree; `builders` are allowed in addition to the builder's own worker.
    """
    public, keys = folder / "public", folder / "keys"
    builder = Builder.at(public / "blobs")
    builder.policies = {"channels/edge.yaml": policy, **policies}
    allowed = [key.public_key for key in (builder.worker, *builders)]
    now, listed = datetime.now(UTC), [tester.public_key for tester in testers]
    found_repository(public, keys, sorted({"edge", name}), allowed, now, testers=listed)
    operator = CryptoSigner.generate_ed25519()
    listed_operator = (("ann", str(operator.public_key.keyval["public"])),)
    edit = TargetsEdit(tests=(("edge", needed),) if needed > 1 else (), operators=listed_operator)
    draft = draft_targets(Repository(public), edit, now)
    draft = draft.signed_by(load_key(keys / "offline" / "targets"))
    publish_draft(Repository(public), draft, read_signers(keys / "online"), now)
    sign_policy(Repository(public), keys, builder.policy(), datetime.now(UTC))
    ledger = Ledger(folder / "ledger")
    decision = Decision(PinnedRepository(public, ledger), PublishedRecord(folder / "record"), ledger)
    return Channel(builder, public, keys, name, decision, ledger, operator)
