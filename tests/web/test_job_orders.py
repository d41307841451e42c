"""The order of a build job for maintainers, and the blobs that it names: no other blob, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from farm.api.errors import RefusedRequestError
from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder
from farm.server.jobs.jobs import add_job
from farm.server.tables.states import JobKind, Role
from farm.store.blobs import BlobStore
from farm.store.errors import BlobMismatchError
from tests.farms.small import TOOLCHAIN, TOOLCHAIN_ARCHIVE, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.api.worker_client import HeldLease
    from tests.farms.served import ServedFarm


@pytest.fixture
def lease(farm: ServedFarm) -> HeldLease:
    """A build of `b`, which needs `a`; it has failed."""
    with farm.client() as client:
        client.submit({"a": recipe("a"), "b": recipe("b", needs=("a",))})
    worker = farm.worker()
    worker.build()
    lease = worker.claim()
    worker.client.fail(lease, code="step-failed", message="it failed")
    return lease


def test_a_maintainer_reads_the_very_order_that_the_worker_had(farm: ServedFarm, lease: HeldLease) -> None:
    with farm.client() as client:
        answer = client.job_order(lease.job)
    assert BuildOrder.from_dict(answer.order) == BuildOrder.from_dict(lease.order)
    assert (answer.job, answer.toolchain.name) == (lease.job, TOOLCHAIN.name)
    assert answer.toolchain.manifest.digest == TOOLCHAIN.tree


def test_every_blob_of_a_dependency_can_be_fetched(farm: ServedFarm, lease: HeldLease, tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "mine")
    (archive,) = BuildOrder.from_dict(lease.order).archives
    with farm.client() as client:
        for digest in (archive.archive.digest, archive.manifest.digest, archive.descriptor):
            client.fetch_job_blob(lease.job, digest, store)
            assert store.has(digest)


def test_what_is_larger_than_it_may_be_is_not_taken(farm: ServedFarm, tmp_path: Path) -> None:
    large = b"x" * (3 << 20)
    with farm.client() as client:
        client.submit({"a": {**recipe("a", more="source: [{file: large}]\n"), "large": large}})
        (job,) = client.jobs().jobs
        with pytest.raises(BlobMismatchError):
            client.fetch_job_blob(job.id, Digest.of(large), BlobStore(tmp_path / "mine"), size=1 << 20)
        client.fetch_job_blob(job.id, Digest.of(large), BlobStore(tmp_path / "mine"), size=4 << 20)


def test_a_blob_that_the_order_does_not_name_is_not_given(farm: ServedFarm, lease: HeldLease, tmp_path: Path) -> None:
    secret = farm.application.blobs.put_bytes(b"of another job")
    with farm.client() as client, pytest.raises(RefusedRequestError) as refused:
        client.fetch_job_blob(lease.job, secret, BlobStore(tmp_path / "mine"))
    assert refused.value.code == "not-found"


def test_a_blob_that_the_farm_has_lost_is_404(farm: ServedFarm, lease: HeldLease, tmp_path: Path) -> None:
    digest = Digest.of(TOOLCHAIN_ARCHIVE)
    if farm.application.blobs.has(digest):
        farm.application.blobs.delete(digest)
    with farm.client() as client, pytest.raises(RefusedRequestError) as refused:
        client.fetch_job_blob(lease.job, digest, BlobStore(tmp_path / "mine"))
    assert refused.value.code == "missing-blob"


@pytest.mark.parametrize("path", ["order", "blobs/{}"])
@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.CURATOR, 403), (Role.MAINTAINER, 200)])
def test_only_maintainers_may_ask(
    farm: ServedFarm, lease: HeldLease, path: str, role: Role | None, status: int
) -> None:
    (archive,) = BuildOrder.from_dict(lease.order).archives
    headers = {"Authorization": f"Bearer {farm.token(role)}"} if role else {}
    answer = httpx.get(f"{farm.url}/api/v1/jobs/{lease.job}/{path.format(archive.archive.digest)}", headers=headers)
    assert answer.status_code == status


def test_a_job_without_a_plan_has_no_order(farm: ServedFarm) -> None:
    with farm.client() as client:
        client.submit({"a": recipe("a"), "b": recipe("b", needs=("a",))})
        waiting = next(job for job in client.jobs().jobs if job.name == "b")
        with pytest.raises(RefusedRequestError, match="has no plan yet") as refused:
            client.job_order(waiting.id)
    assert refused.value.code == "no-order"


def test_a_test_has_no_order_of_a_build(farm: ServedFarm) -> None:
    with farm.application.planning() as unit:
        test = add_job(unit.session, kind=JobKind.TEST, name="a", trace="t", now=unit.now)
    with farm.client() as client, pytest.raises(RefusedRequestError, match="is a test, not a build"):
        client.job_order(test.id)
