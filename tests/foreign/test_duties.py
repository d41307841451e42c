"""The control worker follows other distributions on a schedule, where the recipes name any."""

from __future__ import annotations

import threading
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from farm.server.application import FarmSettings
from farm.server.federation import imported
from farm.server.pipeline.pipeline import Pipeline
from tests.farms.importing import ImportingFarm
from tests.farms.releasing import EDGE
from tests.farms.small import recipe
from tests.foreign.neighbours import FIRST
from workers.control import BackgroundTask, PeriodicTask, following_of, following_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.foreign.neighbours import Neighbours


@pytest.fixture
def settings(tmp_path: Path) -> FarmSettings:
    return FarmSettings(
        database="sqlite://",
        broker="memory://",
        blobs=tmp_path / "blobs",
        logs=tmp_path / "logs",
        recipes=tmp_path,
        toolchains=(),
        allowed_networks=(ip_network("127.0.0.0/8"),),
    )


def run(duty: PeriodicTask) -> None:
    assert isinstance(duty.run, BackgroundTask)
    duty.run()
    assert duty.run.thread is not None
    duty.run.thread.join()


def test_a_slow_host_keeps_no_other_duty_waiting() -> None:
    begun: list[int] = []
    slow = threading.Event()
    beside = BackgroundTask(lambda: begun.append(1) or slow.wait(10))
    for _ in range(3):
        beside()
    assert begun == [1]
    slow.set()
    assert beside.thread is not None
    beside.thread.join()
    beside()
    assert begun == [1, 1]


def test_what_breaks_off_beside_the_others_is_in_the_log_and_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[int] = []

    def broken() -> None:
        begun.append(1)
        raise ValueError("nobody thought of this")

    beside = BackgroundTask(broken)
    for _ in range(2):
        run(PeriodicTask("task", 1, beside))
    assert begun == [1, 1]
    assert "nobody thought of this" in caplog.text


def test_the_clock_follows_and_fetches(
    neighbours: Neighbours, database: Database, settings: FarmSettings, tmp_path: Path
) -> None:
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.submit(recipe("web", more=f"requires: [{FIRST}/openssl]\n"))
    application = taking.application
    follow, archives = following_tasks(following_of(application, settings))
    run(follow)
    with application.writing() as unit:
        release = imported.newest_release(unit.session, FIRST, "edge", application.inputs.distributions[FIRST].root)
        assert release is not None
        package = imported.packages_of(unit.session, release.id)[f"{FIRST}/openssl"]
        imported.want_archive(unit.session, package)
    run(archives)
    assert application.blobs.has(package.archive.digest)
    with application.reading() as unit:
        assert imported.wanted_archives(unit.session) == []
    assert (tmp_path / "foreign" / FIRST / release.root.hex / "root.json").exists()


def test_a_name_that_leads_into_the_farms_own_network_is_not_followed_unless_it_is_allowed(
    neighbours: Neighbours,
    database: Database,
    settings: FarmSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.submit(recipe("web", more=f"requires: [{FIRST}/openssl]\n"))
    application = taking.application
    following = following_of(application, settings.model_copy(update={"allowed_networks": ()}))
    assert following is not None
    assert following.keep_up() == 0
    assert "127.0.0.1 is this machine's own (loopback)" in caplog.text
    assert "FARM_ALLOWED_NETWORKS" in caplog.text
    with application.reading() as unit:
        assert not imported.is_known(unit.session, f"{FIRST}/openssl")


def test_a_farm_that_takes_nothing_of_others_follows_nobody(
    neighbours: Neighbours, database: Database, settings: FarmSettings, tmp_path: Path
) -> None:
    application = ImportingFarm.beside(neighbours, database, tmp_path / "farm").application
    alone = replace(application, inputs=replace(application.inputs, distributions={}))
    assert following_of(alone, settings) is None
    assert following_tasks(None) == ()


def test_others_are_looked_at_by_the_clock_and_at_once_for_what_is_newly_required(
    neighbours: Neighbours, database: Database, tmp_path: Path
) -> None:
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    following = taking.following
    assert following is not None
    taking.submit(recipe("web", more=f"requires: [{FIRST}/say]\n"))
    assert following.keep_up() == 1
    neighbours.first.package("say", {"bin/say": "louder"}, version="2.0")
    neighbours.first.publish()
    assert following.keep_up() == 0  # not due yet
    taking.submit(recipe("other"))
    assert following.keep_up() == 0  # and sends no request
    taking.submit(recipe("more", more=f"requires: [{FIRST}/openssl]\n"))
    assert following.keep_up() == 1
    neighbours.first.package("say", {"bin/say": "loudest"}, version="3.0")
    neighbours.first.publish()
    taking.clock.passes(59)
    assert following.keep_up() == 0
    taking.clock.passes(1)
    assert following.keep_up() == 1


def test_a_candidate_waits_until_what_it_requires_was_looked_for(
    neighbours: Neighbours, database: Database, tmp_path: Path
) -> None:
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    following = taking.following
    assert following is not None
    taking.pipeline = Pipeline(
        taking.application, EDGE, tmp_path / "farm" / "public", taking.signer, unseen=following.unseen
    )
    taking.shape("web", "1.0", {}, requires=(f"{FIRST}/openssl",))
    taking.submit(recipe("web", more=f"requires: [{FIRST}/openssl]\n"))
    taking.build_all_but_tests()
    step = taking.pipeline.advance()
    assert (step.state, step.message) == (
        "waiting",
        f"looking up imported packages in their distributions: {FIRST}/openssl",
    )
    following.keep_up()
    assert taking.decide() == "idle"
    assert taking.excuses() == {}
    # The attempt counts even if the other distribution is unreachable: then the proof reports what is missing.
    neighbours.first.public.rename(tmp_path / "gone")
    taking.shape("more", "1.0", {}, requires=(f"{FIRST}/unused",))
    taking.submit(recipe("more", more=f"requires: [{FIRST}/unused]\n"))
    taking.build_all_but_tests()
    assert taking.pipeline.advance().state == "waiting"
    following.keep_up()
    taking.decide()
    assert "requires the package" in taking.excuses()["more"].reason
