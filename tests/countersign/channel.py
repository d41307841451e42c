"""A channel with a signed policy, its packages honestly built, and a signer that decides in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from farm.countersign.decision import Decision
from farm.release.publication import make_release
from farm.trust.ceremony import found_repository, online_signers, sign_policy
from farm.trust.drafting import TargetsEdit, draft_targets
from farm.trust.keys import load_key
from farm.trust.promotion import publish_draft
from farm.trust.published_identities import PublishedRecord
from farm.trust.release_evidence import ReleaseEvidence, SignedTest
from farm.trust.repository import Repository
from tests.countersign.built import DISTRIBUTION, Builder
from workers.signer import sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from farm.names import Digest
    from farm.trust.imports import Import
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

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def released(self) -> int:
        newest = Repository(self.public).current(self.name).release
        return newest.number if newest else 0

    @property
    def repository(self) -> Repository:
        return Repository(self.public)

    @property
    def record(self) -> PublishedRecord:
        return PublishedRecord(self.public.parent / "record")

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
        """Ask for the next release, of now or `at` another time, with all evidence and `evidence` besides.

        Raises what the signer has against it.
        """
        asked = self.prepare(
            *packages, remove=remove, approvals=approvals, tests=tests, imports=imports, at=at, **evidence
        )
        self.ask(*asked)

    def ask(self, release: Release, evidence: Digest) -> None:
        """Ask for a release that was prepared."""
        sign(Repository(self.public), online_signers(self.keys / "online"), self.decision, release, evidence)

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
        """Bring all that the next release needs; return it, and the digest of the evidence."""
        blobs, repository = self.builder.blobs, Repository(self.public)
        release, index = make_release(
            repository.current(self.name).release,
            [each.entry for each in packages],
            remove,
            distribution=DISTRIBUTION,
            channel=self.name,
            now=at or self.now,
            read=lambda blob: blobs.read(blob.digest),
            imports=imports,
        )
        for blob in (*index, release.to_json()):
            blobs.put_bytes(blob)
        built = {each.descriptor.digest: each.built for each in self.builder.ever}
        told = ReleaseEvidence(
            **{
                "dependencies": tuple(built.values()),
                "approvals": tuple(map(blobs.put_bytes, approvals)),
                "tests": tuple(tests),
                **evidence,
            }
        )
        return release, blobs.put_bytes(told.to_json())


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

    Of `testers`, as many as `needed` have to agree; `builders` are allowed besides the builder's own worker.
    """
    public, keys = folder / "public", folder / "keys"
    builder = Builder.at(public / "blobs")
    builder.policies = {"channels/edge.yaml": policy, **policies}
    allowed = [each.public_key for each in (builder.worker, *builders)]
    now, listed = datetime.now(UTC), [each.public_key for each in testers]
    found_repository(public, keys, sorted({"edge", name}), allowed, now, testers=listed)
    if needed > 1:
        edit = TargetsEdit(tests=(("edge", needed),))
        draft = draft_targets(Repository(public), edit, now)
        draft = draft.signed_by(load_key(keys / "offline" / "targets"))
        publish_draft(Repository(public), draft, online_signers(keys / "online"), now)
    sign_policy(Repository(public), keys, builder.policy(), datetime.now(UTC))
    decision = Decision(Repository(public), PublishedRecord(folder / "record"))
    return Channel(builder, public, keys, name, decision)
