"""Threat 33, the clock of one worker stepped by minutes, and another farm on the same engine.

Two farms on one Docker Engine, with the same directory of attempts, as two users' `FARM_STATE` with one `FARM_HOST`
have it. The clocks of one farm's workers are minutes ahead of all others.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from farm.container.sandbox_view import bind_faketime
from tests.servers import PrivateRedis
from tests.workers.build_host import hosting, script
from tests.workers.programs import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.build_host import Host

pytestmark = [pytest.mark.docker, pytest.mark.redis]

# In the sandbox the build takes longer than many sweeps of either janitor, and than a lease.
LONG = "echo begun\nsleep 7"


@pytest.fixture
def farms(tmp_path: Path, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    with ExitStack() as stack:
        hosts = []
        for name in ("first", "second"):
            redis = PrivateRedis(tmp_path_factory.mktemp(name))
            redis.start()
            stack.callback(redis.stop)
            hosts.append(stack.enter_context(hosting(tmp_path / name, redis.url, migrated_sqlite)))
        yield hosts


def ahead(seconds: int) -> dict[str, str]:
    """The environment of a program whose time of day is ahead: durations of sleeps and waits are unchanged."""
    return {
        "LD_PRELOAD": str(bind_faketime().source),
        "FAKETIME": f"{seconds:+d}",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }


def test_nobody_elses_container_is_touched_whatever_the_time_is(farms: list[Host], tmp_path: Path) -> None:
    here, other = farms
    shared = str(tmp_path / "attempts")
    killed = here.worker("killed", attempts=shared)
    other.worker("ahead", attempts=shared, environment=ahead(200))
    jobs = [(host, host.submit(a=script("a", LONG))["a"]) for host in farms]
    for host, job in jobs:
        eventually(lambda host=host, job=job: host.says(job, "begun"), what="both builds have begun")
    # One farm, two workers with two different clocks, on one host.
    other.worker("behind", attempts=shared, environment=ahead(-200))
    for host, job in jobs:
        assert host.ended(job).job.state == "succeeded"
        assert [(attempt.number, attempt.error_code) for attempt in host.attempts(job)] == [(1, "")]

    # What a killed worker leaves behind is removed by its own farm, and by no other.
    begun = here.submit(b=script("b", LONG))["b"]
    eventually(lambda: here.says(begun, "begun"), what="the build has begun")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (left,) = here.containers()
    assert other.ended(other.submit(c=script("c"))["c"]).job.state == "succeeded"
    assert here.containers() == [left]
    here.worker("next", attempts=shared)
    assert here.ended(begun).job.state == "succeeded"
    assert here.containers() == []
