"""A private Redis, and a farm on SQLite whose control worker runs as a process."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.server.application import FarmSettings
from farm.server.tables.session import Database
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.farms.small import SmallFarm
from tests.servers import PrivateRedis
from tests.workers.programs import REPOSITORY, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TERMS = LeasePolicy(
    lease=timedelta(seconds=1), grace=timedelta(seconds=0.5), most_lost=2, ring_again=timedelta(seconds=2)
)


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    # A Unix socket's path has 107 bytes at most.
    server = PrivateRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, redis: PrivateRedis, migrated_sqlite: Path) -> FarmSettings:
    shutil.copyfile(migrated_sqlite, tmp_path / "farm.db")
    return FarmSettings(
        database=f"sqlite:///{tmp_path / 'farm.db'}",
        broker=redis.url,
        blobs=tmp_path / "blobs",
        logs=tmp_path / "logs",
        recipes=REPOSITORY / "recipes",
        toolchains=(),
        lease_seconds=TERMS.lease.total_seconds(),
        grace_seconds=TERMS.grace.total_seconds(),
        most_lost=TERMS.most_lost,
        ring_again_seconds=TERMS.ring_again.total_seconds(),
    )


@pytest.fixture
def farm(settings: FarmSettings, tmp_path: Path) -> Iterator[SmallFarm]:
    database = Database(settings.database)
    yield SmallFarm.open(database, tmp_path, TERMS, real_time=True)
    database.close()


@pytest.fixture
def control(settings: FarmSettings, tmp_path: Path) -> Iterator[Path]:
    """The control worker runs; this is its log."""
    file, log = tmp_path / "farm.json", tmp_path / "control.log"
    file.write_text(settings.model_dump_json())
    with program(log, "workers.control", "--settings", str(file), ready="ready."):
        yield log


@pytest.fixture
def woken(redis: PrivateRedis, tmp_path: Path) -> Iterator[Path]:
    """A running worker that writes the jobs that it is woken for to this file."""
    file = tmp_path / "woken"
    file.touch()
    with program(tmp_path / "woken.log", "tests.workers.woken", redis.url, str(file), ready="ready."):
        yield file
