"""Waking through a real Redis: a commit notifies, a lost message is sent again, a forged one changes nothing."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis as redis_client
from celery import Celery

from farm.api.wire import BUILD_WAKE
from farm.core.plan.trouble import Trouble
from farm.server.tables.states import JobState
from tests.farms.small import recipe
from tests.workers.programs import eventually, program
from workers.broker import BUILD_QUEUE, CONTROL_QUEUE

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.application import FarmSettings
    from tests.farms.small import SmallFarm
    from tests.servers import PrivateRedis

pytestmark = pytest.mark.redis


def _jobs(woken: Path) -> list[int]:
    return [int(line) for line in woken.read_text().split()]


def _submit(farm: SmallFarm, name: str) -> int:
    return farm.submit(recipe(name)).accepted[0].job.id


def _push(redis: PrivateRedis, *, task: str, body: bytes, content_type: str, queue: str = BUILD_QUEUE) -> None:
    """Put a message into Celery's queue, as anyone with access to Redis could."""
    message: dict[str, Any] = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": {"lang": "py", "task": task, "id": os.urandom(8).hex(), "argsrepr": "", "kwargsrepr": ""},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_tag": os.urandom(8).hex(),
            "delivery_mode": 2,
            "priority": 0,
        },
    }
    with redis_client.Redis(unix_socket_path=str(redis.socket)) as client:
        client.lpush(queue, json.dumps(message))


def test_a_submitted_job_wakes_a_worker_soon(farm: SmallFarm, control: Path, woken: Path) -> None:
    job = _submit(farm, "a")
    eventually(lambda: job in _jobs(woken), what="the worker is woken")


def test_a_job_submitted_while_redis_is_down_wakes_a_worker_afterwards(
    farm: SmallFarm, redis: PrivateRedis, control: Path, woken: Path
) -> None:
    redis.stop()
    job = _submit(farm, "a")
    time.sleep(1)
    redis.start()
    eventually(lambda: job in _jobs(woken), seconds=60, what="the worker is woken")


def test_a_flushed_redis_loses_no_job(farm: SmallFarm, redis: PrivateRedis, control: Path, tmp_path: Path) -> None:
    job = _submit(farm, "a")
    with redis_client.Redis(unix_socket_path=str(redis.socket)) as client:
        eventually(lambda: client.llen(BUILD_QUEUE), what="the message is sent")
        client.flushall()
    file = tmp_path / "woken"
    file.touch()
    with program(tmp_path / "woken.log", "tests.workers.woken", redis.url, str(file), ready="ready."):
        eventually(lambda: job in _jobs(file), what="the worker is woken all the same")


def test_an_expired_lease_is_taken_back_until_the_job_has_cost_too_many_workers(farm: SmallFarm, control: Path) -> None:
    job = _submit(farm, "a")
    farm.is_heard_of("two")
    farm.claim()
    eventually(lambda: farm.job(job).state is JobState.READY, what="the lease is taken back")
    farm.claim("two")
    eventually(lambda: farm.job(job).state is JobState.SET_ASIDE, what="the job is set aside")
    assert farm.job(job).trouble is Trouble.LOST


class _Bomb:
    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self._file}",))


def test_forged_messages_change_nothing(
    farm: SmallFarm, redis: PrivateRedis, control: Path, woken: Path, tmp_path: Path
) -> None:
    struck = tmp_path / "struck"
    forged = [
        ("os.system", json.dumps([["touch /tmp/x"], {}, {}]).encode(), "application/json"),
        (BUILD_WAKE, pickle.dumps(((_Bomb(struck),), {}, {})), "application/x-python-serialize"),
        (BUILD_WAKE, b"not json at all", "application/json"),
        (BUILD_WAKE, b"yaml: [", "application/x-yaml"),
        *(
            (BUILD_WAKE, json.dumps([arguments, {}, {}]).encode(), "application/json")
            for arguments in ([], ["1; DROP TABLE job"], [-1], [2**70], [None], [1.5], [True], [[1]], [1, 2])
        ),
        (BUILD_WAKE, json.dumps([[], {"job_id": {"a": 1}}, {}]).encode(), "application/json"),
    ]
    for task, body, content_type in forged:
        _push(redis, task=task, body=body, content_type=content_type)
        _push(redis, task=task, body=body, content_type=content_type, queue=CONTROL_QUEUE)
    _push(
        redis,
        task="farm.control.dispatch",
        body=json.dumps([[1], {"x": 2}, {}]).encode(),
        content_type="application/json",
        queue=CONTROL_QUEUE,
    )
    job = _submit(farm, "a")
    eventually(lambda: _jobs(woken) and _jobs(woken)[-1] == job, seconds=60, what="a true message still gets through")
    assert not struck.exists()
    assert set(_jobs(woken)) == {job}


@pytest.mark.parametrize("command", ["shutdown", "revoke", "pool_restart"])
@pytest.mark.usefixtures("control")
def test_remote_control_is_not_obeyed(farm: SmallFarm, redis: PrivateRedis, woken: Path, command: str) -> None:
    stranger = Celery("stranger", broker=redis.url)
    stranger.control.broadcast(command)
    stranger.close()
    job = _submit(farm, "a")
    eventually(lambda: job in _jobs(woken), what="the worker is woken all the same")


def test_a_killed_control_worker_leaves_no_process_behind(settings: FarmSettings, tmp_path: Path) -> None:
    file = tmp_path / "farm.json"
    file.write_text(settings.model_dump_json())
    with program(tmp_path / "log", "workers.control", "--settings", str(file), ready="ready.") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = subprocess.run(["pgrep", "-g", str(process.pid)], check=False, capture_output=True, text=True)
        assert left.stdout == ""


def test_a_control_worker_stops_when_it_is_told_to(settings: FarmSettings, tmp_path: Path) -> None:
    file = tmp_path / "farm.json"
    file.write_text(settings.model_dump_json())
    with program(tmp_path / "log", "workers.control", "--settings", str(file), ready="ready.") as process:
        process.terminate()
        assert process.wait(10) == 0


def test_bad_settings_are_told_in_words(tmp_path: Path) -> None:
    file, log = tmp_path / "farm.json", tmp_path / "log"
    file.write_text('{"database": 7}')
    for module in ("workers.control", "workers.build", "web"):
        with program(log, module, "--settings", str(file)) as process:
            assert process.wait(30) == os.EX_CONFIG
        assert str(file) in log.read_text()
        assert "Traceback" not in log.read_text()
