"""Row 24: a clock that is wrong by a day, on a client, at the signer, on a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.api.errors import RefusedRequestError
from farm.api.worker_client import WorkerClient
from farm.trust.index.release_time import ClockBehindError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.farms.small import recipe
from tests.threats.simulator import Simulator, needs_faketime, successor

if TYPE_CHECKING:
    from tests.farms.served import ServedFarm


def publish_now(simulator: Simulator) -> str:
    """Publish a release dated now; return the time."""
    now = datetime.now(UTC)
    made = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    release = successor(simulator.releases[-1], released_at=made)
    simulator.repository.publish(release, simulator.online, now)
    return made


@needs_faketime
def test_a_client_whose_clock_is_ahead_is_told_since_when_and_why(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    before = subscriber.installed()
    ended = subscriber.command("install", "alone", "--root", str(subscriber.root), clock="+25h")
    assert ended.returncode == 1
    assert "expired since" in ended.stderr
    assert "this machine's clock is ahead" in ended.stderr
    assert subscriber.installed() == before


@needs_faketime
def test_a_client_whose_clock_is_behind_is_told_by_what(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    before = subscriber.installed()
    made = publish_now(simulator)
    ended = subscriber.command("install", "alone", "--root", str(subscriber.root), clock="-1d")
    assert ended.returncode == 1
    assert f"release 2 of edge was made at {made}" in ended.stderr
    assert "the clock is behind" in ended.stderr
    assert "Set the clock" in ended.stderr
    assert subscriber.installed() == before
    # A few minutes do not matter: clocks differ.
    assert subscriber.command("install", "alone", "--root", str(subscriber.root), clock="-2m").returncode == 0


def test_a_release_from_tomorrow_is_refused_by_the_client_whoever_signed_it(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    mirror = simulator.mirror("mirror")
    mirror.forge_release(successor(simulator.releases[-1], released_at=tomorrow), simulator.online)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "clock"


def test_a_signer_whose_clock_is_behind_signs_neither_releases_nor_timestamps(simulator: Simulator) -> None:
    publish_now(simulator)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    timestamp = simulator.public / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    with pytest.raises(ClockBehindError, match="the clock is behind"):
        simulator.repository.refresh_timestamp(simulator.online, yesterday)
    published = simulator.repository.current("edge").release
    assert published is not None
    with pytest.raises(ClockBehindError):
        simulator.repository.publish(successor(published), simulator.online, yesterday)
    assert timestamp.read_bytes() == before
    simulator.repository.refresh_timestamp(simulator.online, datetime.now(UTC))
    assert timestamp.read_bytes() != before


@pytest.mark.parametrize("days", [-1, 1])
def test_a_worker_whose_clock_is_off_by_a_day_gets_no_work(farm: ServedFarm, days: int) -> None:
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    worker = farm.worker()
    wrong = WorkerClient(farm.url, "one", worker.key, clock=lambda: time.time() + days * 86_400)
    with pytest.raises(RefusedRequestError) as caught:
        wrong.claim()
    assert caught.value.status == 401
    assert "clock" in f"{caught.value.message} {caught.value.remedy}"
    assert worker.claim().job


@needs_faketime
def test_the_signer_process_itself_says_that_its_clock_is_behind(simulator: Simulator) -> None:
    publish_now(simulator)
    timestamp = simulator.public / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    places = ("--repository", simulator.public, "--keys", simulator.folder / "keys/online", "--socket", "s/signer.sock")
    process = subprocess.Popen(
        ["faketime", "-f", "-1d", sys.executable, "-m", "workers.signer", *map(str, places)],
        cwd=simulator.folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
    assert "the timestamp could not be signed" in line
    assert "the clock is behind" in line
    assert timestamp.read_bytes() == before
