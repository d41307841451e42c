"""Row 16, over real HTTP: a worker that lies about its output, reports another build's result, or reports too late.

That k - 1 liars get nothing into a channel that requires k is in test_row_16_rebuilds.py.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farm.api.errors import LeaseGoneError, RefusedRequestError
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.server.upkeep import take_back_expired
from tests.farms.served import served_farm
from tests.farms.small import recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.api.worker_client import HeldLease
    from farm.core.plan.job import BuildOutcome
    from farm.server.tables.session import Database
    from tests.farms.served import HandMadeWorker, ServedFarm
    from tests.threats.simulator import Simulator


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    with farm.client() as client:
        client.submit({"a": recipe("a"), "b": recipe("b")})
    return farm.worker()


def packages(farm: ServedFarm) -> list[str]:
    with farm.client() as client:
        return [package.name for package in client.packages().packages]


def refused(farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, outcome: BuildOutcome) -> str:
    """The report is refused, nothing is stored, and the honest report of the same lease is accepted afterwards."""
    worker.upload(lease, outcome)
    with pytest.raises(RefusedRequestError) as caught:
        worker.client.finish(lease, outcome.to_dict())
    assert caught.value.status == 422
    assert caught.value.message
    assert packages(farm) == []
    honest = worker.outcome(lease)
    worker.upload(lease, honest)
    worker.client.finish(lease, honest.to_dict())
    assert len(packages(farm)) == 1
    return caught.value.message


def test_the_result_of_another_build_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease, other = worker.claim(), worker.claim()
    assert "a build of dist.example.org/a makes a, and each package once" in refused(
        farm, worker, lease, worker.outcome(other)
    )


def test_an_archive_that_is_not_the_packages_is_refused_by_the_signer_and_by_whoever_unpacks_it(
    simulator: Simulator,
) -> None:
    """The worker signs a good descriptor and uploads another archive."""
    subscriber = simulator.subscriber()
    subscriber.install("alone")
    distribution = simulator.distribution
    distribution.package("say", {"bin/say": "\x7fsay 2"}, version="2.0")
    (entry, member), (other, _) = distribution.entries["say"], distribution.entries["greet"]
    distribution.entries["say"] = (replace(entry, archive=other.archive), member)
    with pytest.raises(
        RefusedReleaseError, match=r"the archive of dist.example.org/say does not hold what its descriptor names"
    ):
        distribution.publish()
    distribution.publish(checked=False)
    error = subscriber.refuses("greet")
    assert "greet" in error.message or "say" in error.message


def test_facts_and_a_manifest_that_are_not_the_packages_are_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    outcome = worker.outcome(lease)
    (built,) = outcome.packages
    content = b'{"entries":[],"imports":[]}'
    swapped = replace(built, manifest=BlobRef(worker.store.put_bytes(content), len(content)))
    refused(farm, worker, lease, replace(outcome, packages=(swapped,)))


def test_a_provenance_of_a_key_that_is_not_the_workers_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    liar = replace(worker, key=Ed25519PrivateKey.generate())
    assert "no allowed key" in refused(farm, worker, lease, liar.outcome(lease))


def test_a_statement_that_was_changed_after_signing_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    outcome = worker.outcome(lease)
    envelope = json.loads(worker.store.read(outcome.provenance))
    envelope["payload"] = envelope["payload"][:-8] + "AAAA" + envelope["payload"][-4:]
    changed = worker.store.put_bytes(json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode())
    refused(farm, worker, lease, replace(outcome, provenance=changed))


def test_a_result_without_its_blobs_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    outcome = worker.outcome(lease)
    with pytest.raises(RefusedRequestError) as caught:
        worker.client.finish(lease, outcome.to_dict())
    assert caught.value.status == 422
    assert packages(farm) == []


def test_a_report_for_a_lease_that_ran_out_is_refused_and_the_next_workers_counts(
    database: Database, tmp_path: Path
) -> None:
    terms = LeasePolicy(lease=timedelta(seconds=2), grace=timedelta(0))
    with served_farm(database, tmp_path, terms=terms) as farm:
        with farm.client() as client:
            client.submit({"a": recipe("a")})
        slow, quick = farm.worker("slow"), farm.worker("quick")
        lease = slow.claim()
        late = slow.outcome(lease)
        deadline = time.monotonic() + 10
        while quick_lease_is_not_there(farm, quick):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again = quick.held  # type: ignore[attr-defined]
        assert again.job == lease.job
        for way in (
            lambda: slow.client.heartbeat(lease),
            lambda: slow.upload(lease, late),
            lambda: slow.client.finish(lease, late.to_dict()),
            lambda: slow.client.fail(lease, code="x", message="x"),
        ):
            with pytest.raises(LeaseGoneError) as caught:
                way()
            assert caught.value.status == 409
        assert packages(farm) == []
        outcome = quick.outcome(again)
        quick.client.heartbeat(again)
        quick.upload(again, outcome)
        quick.client.finish(again, outcome.to_dict())
        assert packages(farm) == ["a"]


def quick_lease_is_not_there(farm: ServedFarm, quick: HandMadeWorker) -> bool:
    take_back_expired(farm.application)
    quick.held = quick.client.claim()  # type: ignore[attr-defined]
    return quick.held is None  # type: ignore[attr-defined]


def test_a_report_that_comes_twice_counts_once(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    outcome = worker.outcome(lease)
    worker.upload(lease, outcome)
    worker.client.finish(lease, outcome.to_dict())
    before = packages(farm)
    with contextlib.suppress(LeaseGoneError):
        worker.client.finish(lease, outcome.to_dict())
    assert packages(farm) == before
    with farm.client() as client:
        assert client.job(lease.job).job.state == "succeeded"


def test_a_lying_digest_in_an_upload_is_refused(farm: ServedFarm, worker: HandMadeWorker, tmp_path: Path) -> None:
    lease = worker.claim()
    other = type(worker.store)(tmp_path / "other")
    digest = other.put_bytes(b"right")
    other.path(digest).chmod(0o644)
    other.path(digest).write_bytes(b"wrong")
    with pytest.raises(Exception, match=r"digest|expected|422|corrupt"):
        worker.client.upload_blob(lease, digest, other)
    assert not farm.application.blobs.has(digest)
    assert not farm.application.blobs.has(Digest.of(b"wrong"))
