"""Threat 16, a worker that lies about its build: where a channel requires k builders, k - 1 liars get nothing in.

Workers with real keys, provenance that they really sign, and the pipeline of a channel with the gate `reproduced`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.job import BuildOrder
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.set_gates import ProofGate
from farm.server.channels import excuses, releases
from farm.server.jobs.finishing import finish_build
from farm.server.jobs.job_actions import retry
from farm.server.jobs.leases import Holder, LeaseLostError, claim
from farm.server.jobs.provenance_checks import check_with_workers_key
from farm.server.jobs.reported_packages import RefusedOutcomeError
from farm.server.packages import attestations
from farm.server.pipeline.gates.reproduced import Reproduced
from farm.server.tables.states import JobState
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.provenance import BuildRun, ProvenanceError, build_statement, verify_provenance
from farm.trust.index.release_index import Release
from farm.trust.index.tree import entries
from tests.farms.releasing import ReleasingFarm
from tests.farms.small import recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.plan.job import BlobRef, BuildOutcome
    from farm.server.channels.excuses import Excuse
    from farm.server.jobs.leases import Lease
    from farm.server.tables.records import Job
    from farm.server.tables.session import Database

EDGE = ChannelPolicy("edge", (ReproducedGate(2), ProofGate()))


@dataclass
class KeyedFarm(ReleasingFarm):
    """A farm whose workers sign their builds, and whose channel requires two of them to agree."""

    @property
    def public(self) -> BlobStore:
        return BlobStore(self.signer.repository.root / "blobs")

    def signed(self, lease: Lease, outcome: BuildOutcome, by: str) -> BuildOutcome:
        """The outcome with a provenance of it that `by` has signed."""
        assert isinstance(lease.order, BuildOrder)
        run = BuildRun(self.signers[by].public_key.keyid, "attempt", "then", "now", outcome.log, {})
        packages = [(built.descriptor, built.archive.digest) for built in outcome.packages]
        statement = build_statement(lease.order.plan, lease.order.recipe_digest, packages, (), run)
        envelope = sign_statement(statement, self.signers[by])
        return replace(outcome, provenance=self.application.blobs.put_bytes(envelope))

    def report(self, lease: Lease, *, content: str = "", by: str = "", as_holder: Holder | None = None) -> Job:
        by = by or lease.attempt.worker
        outcome = self.signed(lease, self.outcome(lease, content=content), by)
        holder = as_holder or self.holder(lease)
        return finish_build(self.application, holder, outcome, check_provenance=check_with_workers_key)

    def published_builders(self) -> set[str]:
        """The workers whose provenance of the package `a` is in the public store, each verified."""
        with self.application.reading() as unit:
            newest = releases.newest_release(unit.session, "edge")
        assert newest is not None
        release = Release.from_json(self.public.read(newest.digest))
        (entry,) = [listed for listed in entries(self.read, release.index) if listed.name == "a"]
        descriptor = Descriptor.from_json(self.public.read(entry.descriptor.digest))
        named = {key.public_key.keyid: name for name, key in self.signers.items()}
        allowed = {key.public_key.keyid: key.public_key for key in self.signers.values()}
        envelopes = [self.public.read(blob.digest) for blob in (entry.provenance, *entry.rebuilds)]
        return {named[verify_provenance(envelope, allowed, descriptor, entry.recipe).builder] for envelope in envelopes}

    def read(self, blob: BlobRef) -> bytes:
        return self.public.read(blob.digest)

    def excuse(self) -> Excuse:
        with self.application.reading() as unit:
            (standing,) = excuses.open_excuses(unit.session, "edge")
        return standing.excuse


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> KeyedFarm:
    farm = KeyedFarm.open(
        database, tmp_path, channel=EDGE, gates=[Reproduced(ReproducedGate(2))], builders=("one", "two", "three")
    )
    farm.enrol("three", tests=False)
    farm.submit(recipe("a"))
    return farm


def test_two_honest_workers_let_a_package_in(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    assert farm.excuse().reason == f"1 of 2 builders agree; job {farm.excuse().job} will rebuild it"
    farm.report(farm.claim("two"))
    farm.pipeline.advance()
    assert farm.releases() == 1
    assert farm.published_builders() == {"one", "two"}


@pytest.mark.parametrize(("liar", "honest"), [("one", "two"), ("two", "one")])
def test_a_worker_that_puts_in_other_bytes_keeps_the_package_out_and_both_are_named(
    farm: KeyedFarm, liar: str, honest: str
) -> None:
    backdoored = {liar: "the bytes of an attacker", honest: ""}
    farm.report(farm.claim("one"), content=backdoored["one"])
    farm.pipeline.advance()
    ended = farm.report(farm.claim("two"), content=backdoored["two"])
    assert ended.state is JobState.FAILED
    for _ in range(3):
        farm.pipeline.advance()
    assert farm.releases() == 0
    excuse = farm.excuse()
    assert (excuse.package, excuse.gate, excuse.job) == ("a", "reproduced", ended.id)
    assert excuse.reason == "two rebuilt it with a different result than one: share/a/x differs in a"
    assert "one and two" in excuse.remedy


@pytest.mark.parametrize("liar", ["one", "two"])
def test_a_worker_that_signs_for_more_than_it_reports_is_refused_at_once(farm: KeyedFarm, liar: str) -> None:
    """The farm would count it, and the signer would find that the two do not agree."""
    if liar == "two":
        farm.report(farm.claim("one"))
        farm.pipeline.advance()
    lease = farm.claim(liar)
    outcome = farm.outcome(lease)
    (built,) = outcome.packages
    invented = replace(built, descriptor=replace(built.descriptor, diff_id=Digest.of(b"invented")))
    lie = farm.signed(lease, replace(outcome, packages=(built, invented)), liar)
    with pytest.raises(
        ProvenanceError, match=f"it also lists the output {invented.descriptor.digest}, which the worker did not report"
    ):
        finish_build(
            farm.application,
            farm.holder(lease),
            replace(lie, packages=(built,)),
            check_provenance=check_with_workers_key,
        )


def test_a_liar_that_differs_from_an_honest_build_can_be_outvoted_by_a_third(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    ended = farm.report(farm.claim("two"), content="the bytes of an attacker")
    with farm.application.planning() as unit:
        retry(unit, ended.id, trace="t")
    farm.report(farm.claim("three"))
    farm.pipeline.advance()
    assert farm.releases() == 1


def test_the_first_builder_cannot_agree_with_itself(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    assert claim(farm.application, farm.workers["one"], hint=farm.excuse().job) is None
    assert farm.releases() == 0


def test_nobody_can_agree_in_the_name_of_another(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    lease = farm.claim("two")
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        farm.report(lease, by="one")
    with pytest.raises(LeaseLostError, match="never"):
        farm.report(lease, by="three", as_holder=Holder(farm.workers["three"], lease.attempt.id, lease.token))
    farm.clock.passes(100)
    with pytest.raises(LeaseLostError):
        farm.report(lease)
    farm.pipeline.advance()
    package = farm.current()["a"]
    with farm.application.reading() as unit:
        assert attestations.attestations_of(unit.session, [package.digest]) == {}
    assert farm.releases() == 0


def test_the_result_of_another_plan_is_no_agreement(farm: KeyedFarm) -> None:
    farm.report(farm.claim("one"))
    farm.pipeline.advance()
    lease = farm.claim("two")
    outcome = farm.outcome(lease)
    other = replace(outcome.packages[0], descriptor=replace(outcome.packages[0].descriptor, plan=Digest.of(b"another")))
    lie = farm.signed(lease, replace(outcome, packages=(other,)), "two")
    with pytest.raises(RefusedOutcomeError, match="plan"):
        finish_build(farm.application, farm.holder(lease), lie, check_provenance=check_with_workers_key)
