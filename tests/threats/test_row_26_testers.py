"""Row 26, over real HTTP: a tester that reports *passed* without running, an unknown worker whose verdict counts, a
verdict replayed for another closure.

Edits of the database are in tests/server/pipeline/test_testers.py; forged statements are in
tests/trust/test_test_result.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.api.errors import RefusedRequestError
from farm.core.names.digest import Digest
from farm.core.plan.job import TestOrder, TestOutcome
from farm.server.channels import candidates, releases
from farm.server.pipeline.pipeline import Pipeline
from farm.trust.ceremony.ceremony import allow_more_builders, found_repository
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.farms.releasing import EDGE, Signer
from tests.farms.small import recipe
from tests.server.signed_results import attested

if TYPE_CHECKING:
    from pathlib import Path

    from farm.api.worker_client import HeldLease
    from tests.farms.served import HandMadeWorker, ServedFarm

PASSED = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"))
FAILED = TestOutcome(passed=False, exit=1, message="it prints nothing", log=Digest.of(b"log"))
BROKEN = "tests:\n  - name: always-fails\n    command: [/usr/bin/false]\n"


@dataclass
class EdgeChannel:
    """A farm that serves HTTP, and the channel edge whose signed list names the key of the worker `honest`."""

    farm: ServedFarm
    folder: Path
    pipeline: Pipeline
    builder: HandMadeWorker
    honest: HandMadeWorker

    def submits(self, version: str = "1.0") -> None:
        """Have a package built whose only test always fails, and its test requested."""
        with self.farm.client() as client:
            client.submit({"a": recipe("a", version=version, more=BROKEN)})
        self.builder.build()
        self.pipeline.advance()

    def lists(self, *workers: HandMadeWorker, needed: int = 1) -> None:
        repository, keys, now = Repository(self.folder / "public"), self.folder / "keys", datetime.now(UTC)
        allow_more_builders(repository, keys, [], now, testers=[signer_of(worker).public_key for worker in workers])
        draft = draft_targets(repository, TargetsEdit(tests=(("edge", needed),)), now)
        draft = draft.signed_by(load_key(keys / "offline" / "targets"))
        publish_draft(repository, draft, read_signers(keys / "online"), now)

    def reports(self, worker: HandMadeWorker, lease: HeldLease, outcome: TestOutcome) -> None:
        """Report an outcome as the worker's protocol has it, with the blobs that it names."""
        blobs = [outcome.log, *([outcome.attestation] if outcome.attestation else [])]
        for digest in blobs:
            worker.client.upload_blob(lease, digest, worker.store)
        worker.client.finish(lease, outcome.to_dict())

    def settles(self) -> tuple[int, str]:
        """Run the pipeline; return how many releases there are, and its message about its candidate."""
        for _ in range(3):
            message = self.pipeline.advance().message
        with self.farm.application.reading() as unit:
            newest = releases.newest_release(unit.session, "edge")
            latest = candidates.latest_candidate(unit.session, "edge")
        return newest.number if newest else 0, latest.reason if latest and latest.reason else message


def signer_of(worker: HandMadeWorker) -> CryptoSigner:
    return CryptoSigner(worker.key)


def signs(worker: HandMadeWorker, lease: HeldLease, outcome: TestOutcome) -> TestOutcome:
    return attested(worker.store, TestOrder.from_dict(lease.order), outcome, signer_of(worker))


@pytest.fixture
def channel(farm: ServedFarm, tmp_path: Path) -> EdgeChannel:
    honest = farm.worker("honest", builds=False)
    folder = tmp_path / "distribution"
    founded = found_repository(
        folder / "public",
        folder / "keys",
        ["edge"],
        [],
        datetime.now(UTC),
        testers=[signer_of(honest).public_key],
    )
    signer = Signer(Repository(folder / "public"), read_signers(founded.online))
    with farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", "{}")
    pipeline = Pipeline(farm.application, EDGE, folder / "public", signer)
    made = EdgeChannel(farm, folder, pipeline, farm.worker("builder", tests=False), honest)
    made.submits()
    return made


def refuses_the_package(channel: EdgeChannel, worker: HandMadeWorker) -> None:
    """An honest tester continues, and its three failures decide."""
    for _ in range(3):
        lease = worker.claim()
        channel.reports(worker, lease, signs(worker, lease, FAILED))
        number, said = channel.settles()
    assert number == 0
    assert "it prints nothing" in said


def test_a_worker_that_is_not_listed_is_given_no_test(channel: EdgeChannel) -> None:
    unknown = channel.farm.worker("unknown", builds=False)
    channel.pipeline.advance()
    assert unknown.client.claim() is None
    refuses_the_package(channel, channel.honest)


@pytest.mark.parametrize("signed", [True, False], ids=["with its signature", "without a signature"])
def test_the_verdict_of_an_unknown_worker_counts_nothing(channel: EdgeChannel, signed: bool) -> None:
    """It is enrolled after the test was requested, and is quicker than the pipeline."""
    unknown = channel.farm.worker("unknown", builds=False)
    lease = unknown.claim()
    outcome = signs(unknown, lease, PASSED)
    channel.reports(unknown, lease, outcome if signed else replace(outcome, attestation=None))
    number, said = channel.settles()
    assert number == 0
    assert "0 of 1 test done" in said


def test_who_takes_a_listed_testers_name_is_refused(channel: EdgeChannel) -> None:
    """Its signature is not by the key that holds the lease."""
    unknown = channel.farm.worker("unknown", builds=False)
    lease = unknown.claim()
    statement = signs(replace(unknown, key=channel.honest.key), lease, PASSED)
    with pytest.raises(RefusedRequestError, match="no allowed key"):
        channel.reports(unknown, lease, statement)


def test_a_verdict_that_is_replayed_for_another_closure_is_refused(channel: EdgeChannel) -> None:
    """By a listed tester too: a test passed among other packages proves nothing about these."""
    first = channel.honest.claim()
    replayed = signs(channel.honest, first, PASSED)
    channel.reports(channel.honest, first, replayed)
    assert channel.settles()[0] == 1
    channel.submits("2.0")
    second = channel.honest.claim()
    assert second.order["test"] == first.order["test"]
    with pytest.raises(RefusedRequestError, match="the signed result is not that of the order") as caught:
        channel.reports(channel.honest, second, replayed)
    assert caught.value.status == 422
    assert channel.settles()[0] == 1


def test_a_listed_tester_that_runs_nothing_gets_nothing_in_where_two_must_agree(channel: EdgeChannel) -> None:
    liar = channel.farm.worker("liar", builds=False)
    channel.lists(liar, needed=2)
    channel.pipeline.advance()
    lease = liar.claim()
    channel.reports(liar, lease, signs(liar, lease, PASSED))
    for _ in range(3):
        assert channel.settles()[0] == 0
        assert liar.client.claim() is None
        lease = channel.honest.claim()
        channel.reports(channel.honest, lease, signs(channel.honest, lease, FAILED))
    number, said = channel.settles()
    assert number == 0
    assert "2 testers must agree in edge, and those that are listed do not" in said
