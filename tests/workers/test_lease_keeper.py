"""A lease is kept while heartbeats get through, and given up when the farm or the clock ends it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.container.attempt_directory import AttemptDirectory, AttemptsRoot, written_lease
from farm.container.host_clock import host_time
from farm.server.jobs import attempts
from farm.server.jobs.job_actions import cancel
from farm.server.tables.session import Database
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.farms.served import served_farm
from tests.farms.small import recipe
from tests.workers.programs import eventually
from workers.lease_keeper import LeaseKeeper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.api.worker_client import HeldLease
    from farm.container.host_clock import HostTime
    from tests.farms.served import HandMadeWorker, ServedFarm


SHORT = timedelta(seconds=1.5)
LONG = timedelta(seconds=5)
"""Longer than a busy machine delays a heartbeat."""


@pytest.fixture
def term() -> timedelta:
    return SHORT


@pytest.fixture
def farm(tmp_path: Path, migrated_sqlite: Path, term: timedelta) -> Iterator[ServedFarm]:
    (tmp_path / "farm.db").write_bytes(migrated_sqlite.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'farm.db'}")
    with served_farm(database, tmp_path, terms=LeasePolicy(lease=term)) as farm:
        with farm.client() as client:
            client.submit({"a": recipe("a")})
        yield farm
    database.close()


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    return farm.worker()


@pytest.fixture
def lease(worker: HandMadeWorker) -> HeldLease:
    return worker.claim()


@pytest.fixture
def directory(tmp_path: Path, lease: HeldLease) -> Iterator[AttemptDirectory]:
    with AttemptDirectory.make(AttemptsRoot.open(tmp_path / "attempts", "tests"), lease.token, seconds=0) as directory:
        yield directory


@pytest.mark.parametrize("term", [LONG])
def test_it_outlives_the_first_term_and_tells_the_janitor(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, directory: AttemptDirectory
) -> None:
    first = lease.deadline
    with LeaseKeeper(worker.client, lease, directory) as keeper:
        eventually(lambda: not _written_until(directory).is_before(host_time()), what="the end is written down")
        eventually(lambda: time.monotonic() > first, seconds=10, what="the first term is over")
        assert not keeper.lost
        until = _written_until(directory)
        assert host_time().is_before(until)
        assert until.is_before(host_time(LONG.total_seconds() + 1))
        with farm.client() as client:
            assert client.job(lease.job).job.state == "running"


def _written_until(directory: AttemptDirectory) -> HostTime:
    lease = written_lease(directory.path)
    assert lease is not None
    assert lease.until is not None
    return lease.until


def test_it_is_lost_soon_after_the_job_is_cancelled(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, directory: AttemptDirectory
) -> None:
    with LeaseKeeper(worker.client, lease, directory) as keeper:
        with farm.application.planning() as unit:
            cancel(unit, lease.job, by="somebody")
        eventually(lambda: keeper.lost, seconds=2, what="the worker knows")


def test_it_is_lost_when_the_time_is_over_without_a_word(
    worker: HandMadeWorker, lease: HeldLease, directory: AttemptDirectory
) -> None:
    keeper = LeaseKeeper(worker.client, lease, directory)  # as if its thread were stopped
    assert not keeper.lost
    time.sleep(1.6)
    assert keeper.lost


@pytest.mark.parametrize("term", [LONG])
def test_a_farm_that_is_away_for_a_moment_costs_nothing(
    farm: ServedFarm,
    worker: HandMadeWorker,
    lease: HeldLease,
    directory: AttemptDirectory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def term_is_longer() -> bool:
        with farm.application.reading() as unit:
            attempt = attempts.attempt(unit.session, lease.attempt)
        assert attempt is not None
        return attempt.expires_at > attempt.claimed_at + LONG

    worker.client._client.base_url = "http://127.0.0.1:1"
    with LeaseKeeper(worker.client, lease, directory) as keeper:
        eventually(lambda: "no heartbeat" in caplog.text, what="the farm is away")
        worker.client._client.base_url = farm.url
        eventually(term_is_longer, what="a heartbeat gets through")
        assert not keeper.lost


@pytest.mark.parametrize("term", [LONG])
def test_a_disk_that_takes_nothing_for_a_moment_costs_nothing(
    worker: HandMadeWorker, lease: HeldLease, directory: AttemptDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    obstacle = directory.path / "lease.json"
    obstacle.unlink(missing_ok=True)
    obstacle.mkdir()
    with LeaseKeeper(worker.client, lease, directory) as keeper:
        eventually(lambda: "not written down" in caplog.text, what="the disk takes nothing")
        obstacle.rmdir()
        eventually(obstacle.is_file, what="the lease is written down")
        eventually(lambda: not _written_until(directory).is_before(host_time()), what="the end is written down")
        assert not keeper.lost
