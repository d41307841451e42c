"""A small farm with a pipeline: its workers' builds go to a repository that is signed with real keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.preview_name import preview_number
from farm.core.plan.job import BlobRef, TestOrder, TestOutcome
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.server.channels import candidates, excuses, releases
from farm.server.jobs.finishing import finish_test
from farm.server.jobs.leases import claim
from farm.server.pipeline.candidates.status import channel_status
from farm.server.pipeline.pipeline import Pipeline
from farm.server.pipeline.repository.signer_client import SignerRefusedError, SignerUnreachableError
from farm.trust.attestation.check_results import VerifiedRelease
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.preview_statement import PreviewStatement, preview_statement
from farm.trust.ceremony.ceremony import found_repository, list_preview_key
from farm.trust.keys.signers import read_signers
from farm.trust.layout import preview_path
from farm.trust.metadata.repository import Repository
from tests.farms.small import SmallFarm, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from farm.server.channels.excuses import Excuse
    from farm.server.pipeline.candidates.status import ChannelStatus
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.tables.session import Database
    from farm.server.transaction.planning_inputs import LeasePolicy
    from farm.trust.index.release_index import Release
    from farm.trust.keys.signers import Signers

EDGE = ChannelPolicy("edge", (ProofGate(), TestsGate()))


Judge = Callable[[str, dict[str, str]], bool]
"""Whether a test passes, by its name and the other packages present: versions by name."""


def present(order: TestOrder) -> dict[str, str]:
    return dict(package.store.rsplit("-", 2)[:2] for package in order.closure)


@dataclass
class Signer:
    """Signs with real keys, without the signer's own checks; or is unreachable, or refuses, as the test asks."""

    repository: Repository
    signers: Signers
    away: bool = False
    refuses: bool = False
    signed: list[int] = field(default_factory=list)
    evidence: list[Digest] = field(default_factory=list)
    states: bool = False
    """Whether it publishes next to the release the evidence by which it signed."""

    def take_order(self, envelope: bytes) -> None:
        pass

    def take_report(self, report: bytes) -> None:
        pass

    previewed: dict[str, Release] = field(default_factory=dict)
    """The previews that it was asked to sign, by name."""

    def sign_preview(self, release: Release, *, base: str, until: datetime) -> None:
        assert base == "edge"
        if self.refuses:
            raise SignerRefusedError("the provenance of x does not vouch for it")
        number = preview_number(release.channel) or 0
        ref = BlobRef(release.digest, len(release.to_json()))
        stated = preview_statement(PreviewStatement(release.distribution, number, ref, until))
        listed = self.repository.builders().previews
        signer = next(signer for keyid, signer in self.signers.by_keyid.items() if keyid in listed)
        path = self.repository.root / preview_path(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sign_statement(stated, signer))
        self.previewed[release.channel] = release

    def remove_preview(self, number: int) -> None:
        (self.repository.root / preview_path(number)).unlink(missing_ok=True)

    def sign(self, release: Release, evidence: Digest) -> None:
        if self.away:
            raise SignerUnreachableError("the signer does not answer")
        if self.refuses:
            remedy = "Have it built by a worker that targets names."
            raise SignerRefusedError("the provenance of x does not vouch for it", remedy=remedy)
        stated = VerifiedRelease(
            release=release.digest,
            previous=release.previous,
            policy=Digest.of(self.repository.builders_document(self.repository.head())),
            evidence=evidence,
            new=(),
            provenances=(),
            checked=(),
        )
        self.repository.publish(release, self.signers, datetime.now(UTC), verified=stated if self.states else None)
        self.signed.append(release.number)
        self.evidence.append(evidence)


@dataclass
class ReleasingFarm(SmallFarm):
    """A small farm whose packages pass through the pipeline of `edge`, to a repository signed with real keys."""

    pipeline: Pipeline = field(init=False)
    signer: Signer = field(init=False)
    test_runs: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        database: Database,
        directory: Path,
        policy: LeasePolicy | None = None,
        *,
        real_time: bool = False,
        channel: ChannelPolicy = EDGE,
        gates: Sequence[PackageGate] = (),
        builders: Sequence[str] = (),
    ) -> Self:
        """Open a farm with `channel`, behind these gates, and with `stable`; `builders` are the workers it lists."""
        farm = super().open(database, directory, policy, real_time=real_time)
        public, keys = directory / "public", [key_of(name).public_key for name in builders]
        founded = found_repository(public, directory / "keys", [channel.name, "stable"], keys, datetime.now(UTC))
        list_preview_key(Repository(public), directory / "keys", datetime.now(UTC))
        farm.signer = Signer(Repository(public), read_signers(founded.online))
        farm.pipeline = farm.pipeline_of(channel, gates)
        with farm.application.writing() as unit:
            releases.ensure_channel(unit.session, channel.name, "{}")
        return farm

    def pipeline_of(self, channel: ChannelPolicy, gates: Sequence[PackageGate] = ()) -> Pipeline:
        return Pipeline(self.application, channel, self.signer.repository.root, self.signer, gates=gates)

    def advance(self) -> str:
        return self.pipeline.advance().state

    def settle(
        self,
        *,
        failing: tuple[str, ...] = (),
        judge: Judge | None = None,
        message: Callable[[dict[str, str]], str] = lambda _there: "it broke",
    ) -> ChannelStatus:
        """Build and test until the channel has decided.

        Tests named in `failing` fail, and also those that `judge` refuses, by the packages of their closure.
        """
        for _ in range(200):
            self.build_all_but_tests()
            self.pipeline.advance()
            self.run_tests(failing, judge, message)
            status = self.status()
            if status.settled:
                return status
        raise AssertionError("the channel does not settle")

    def run_tests(
        self,
        failing: tuple[str, ...] = (),
        judge: Judge | None = None,
        message: Callable[[dict[str, str]], str] = lambda _there: "it broke",
    ) -> int:
        """Run all requested tests, as a worker would; return their number."""
        count = 0
        while lease := claim(self.application, self.workers["one"]):
            assert isinstance(lease.order, TestOrder)
            count += 1
            name = lease.order.test.name
            self.test_runs.append(name)
            there = present(lease.order)
            passed = name not in failing and (judge is None or judge(name, there))
            log = self.application.blobs.put_bytes(b"log")
            failure = "" if passed else message(there)
            outcome = TestOutcome(passed=passed, exit=0 if passed else 1, message=failure, log=log)
            finish_test(self.application, self.holder(lease), outcome)
        return count

    def releases(self) -> int:
        with self.application.reading() as unit:
            newest = releases.newest_release(unit.session, "edge")
            return newest.number if newest else 0

    def versions(self) -> dict[str, str]:
        """The content of the newest release: versions by name."""
        with self.application.reading() as unit:
            return {
                member.name: member.version
                for member in releases.release_members(unit.session, "edge", self.releases())
            }

    def excuses(self) -> dict[str, Excuse]:
        with self.application.reading() as unit:
            return {kept.excuse.package: kept.excuse for kept in excuses.open_excuses(unit.session, "edge")}

    def runs(self) -> dict[str, int]:
        """How many sets of the latest candidate had to be tested, by purpose."""
        with self.application.reading() as unit:
            latest = candidates.latest_candidate(unit.session, "edge")
            assert latest is not None
            return candidates.count_runs(unit.session, latest.id)

    def status(self) -> ChannelStatus:
        with self.application.reading() as unit:
            return channel_status(unit.session, "edge", now=unit.now)

    def released(self) -> dict[str, Digest]:
        with self.application.reading() as unit:
            newest = releases.newest_release(unit.session, "edge")
            assert newest is not None
            return {
                member.name: member.digest for member in releases.release_members(unit.session, "edge", newest.number)
            }
