"""The control worker follows other distributions by the clock, where the recipes name any."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.control.settings import FarmSettings
from farm.database import foreign
from tests.control.small_farm import recipe
from tests.database.databases import database, database_url, migrated_sqlite, postgres_socket
from tests.foreign.farming import TakingFarm
from tests.foreign.neighbours import FIRST
from workers.control import Beside, Duty, foreign_duties

if TYPE_CHECKING:
    from pathlib import Path

    from farm.database.session import Database
    from tests.foreign.neighbours import Neighbours

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]


@pytest.fixture
def settings(tmp_path: Path) -> FarmSettings:
    return FarmSettings(
        database="sqlite://",
        broker="memory://",
        blobs=tmp_path / "blobs",
        logs=tmp_path / "logs",
        recipes=tmp_path,
        toolchains=(),
    )


def run(duty: Duty) -> None:
    assert isinstance(duty.run, Beside)
    duty.run()
    assert duty.run.thread is not None
    duty.run.thread.join()


def test_a_slow_host_keeps_no_other_duty_waiting() -> None:
    begun: list[int] = []
    slow = threading.Event()
    beside = Beside(lambda: begun.append(1) or slow.wait(10))
    for _ in range(3):
        beside()
    assert begun == [1]
    slow.set()
    assert beside.thread is not None
    beside.thread.join()
    beside()
    assert begun == [1, 1]


def test_the_clock_follows_and_fetches(
    neighbours: Neighbours, database: Database, settings: FarmSettings, tmp_path: Path
) -> None:
    taking = TakingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.farm.submit(recipe("web", more=f"requires: [{FIRST}/openssl]\n"))
    office = taking.farm.office
    follow, archives = foreign_duties(office, settings)
    assert (follow.seconds, archives.seconds) == (60.0, 5.0)
    run(follow)
    with office.writing() as desk:
        release = foreign.newest_release(desk.session, FIRST, "edge", office.world.foreign[FIRST].root)
        assert release is not None
        package = foreign.packages_of(desk.session, release.id)[f"{FIRST}/openssl"]
        foreign.want_archive(desk.session, package)
    run(archives)
    assert office.blobs.has(package.archive.digest)
    with office.reading() as desk:
        assert foreign.wanted_archives(desk.session) == []
    assert (tmp_path / "foreign" / FIRST / release.root.hex / "root.json").exists()


def test_a_farm_that_takes_nothing_of_others_follows_nobody(
    neighbours: Neighbours, database: Database, settings: FarmSettings, tmp_path: Path
) -> None:
    office = TakingFarm.beside(neighbours, database, tmp_path / "farm").farm.office
    assert foreign_duties(replace(office, world=replace(office.world, foreign={})), settings) == ()
