"""Row 1: a mirror serves old but validly signed metadata forever."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.threats.simulator import needs_faketime
from workers.signer import TIMESTAMP_PERIOD

if TYPE_CHECKING:
    from tests.threats.simulator import Simulator


@needs_faketime
def test_two_days_later_a_frozen_mirror_is_refused_and_what_is_installed_runs(simulator: Simulator) -> None:
    mirror = simulator.mirror("mirror")
    subscriber = simulator.subscriber(address=mirror.address)
    subscriber.install("greet")
    before = subscriber.installed()
    simulator.release()
    expires = mirror.document("timestamp").expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = subscriber.command("install", "alone", "--root", str(subscriber.root), clock="+2d")
    assert ended.returncode == 1
    assert f"timestamp.json is expired since {expires}" in ended.stderr
    assert "clock is ahead" in ended.stderr
    assert subscriber.installed() == before
    assert (subscriber.root / "usr/bin/greet").stat().st_mode & 0o111


@needs_faketime
def test_a_host_that_starts_two_days_later_does_not_even_subscribe(simulator: Simulator) -> None:
    mirror = simulator.mirror("mirror")
    subscriber = simulator.subscriber()
    words = ("subscribe", mirror.address, "edge", "--fingerprint", simulator.fingerprint)
    assert subscriber.command(*words, clock="+20h").returncode == 0
    ended = subscriber.command(*words, clock="+25h")
    assert ended.returncode == 1
    assert "expired since" in ended.stderr


@needs_faketime
def test_a_frozen_mirror_has_no_say_in_since_when(simulator: Simulator) -> None:
    """The known timestamp has expired, and the mirror's next metadata was not verified before that."""
    mirror = simulator.mirror("mirror")
    subscriber = simulator.subscriber(address=mirror.address)
    subscriber.install("greet")
    expires = mirror.document("timestamp").expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    mirror.path("snapshot").write_text(json.dumps({"signed": {"_type": "timestamp", "expires": "just now"}}))
    ended = subscriber.command("install", "alone", "--root", str(subscriber.root), clock="+2d")
    assert ended.returncode == 1
    assert f"expired since {expires}" in ended.stderr
    assert "just now" not in ended.stderr


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "edge"])
def test_each_document_that_has_run_out_is_named_with_its_end(simulator: Simulator, role: str) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    since = datetime.now(UTC) - timedelta(hours=1)
    mirror.expire(role, since, simulator.online)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "expired"
    assert f"{role}" in error.message
    assert f"expired since {since.strftime('%Y-%m-%dT%H:%M:%SZ')}" in error.message
    simulator.lead_back()


def test_the_timestamp_lives_a_day_and_is_signed_four_times_in_it(simulator: Simulator) -> None:
    """So a stale mirror is noticed within a day, and a signer may fail three times before a subscriber notices."""
    now = datetime.now(UTC)
    simulator.repository.refresh_timestamp(simulator.online, now)
    expires = simulator.mirror("mirror").document("timestamp").expires
    assert expires - now <= timedelta(hours=24)
    assert timedelta(hours=24).total_seconds() >= TIMESTAMP_PERIOD * 4
