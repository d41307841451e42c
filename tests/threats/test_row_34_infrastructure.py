"""Threat 34, infrastructure trouble again and again: the engine down, the disk full, an origin down, workers lost.

Jobs wait and continue elsewhere, and a job fails only by its own fault. Real workers, engine, mounts and origins.
"""

from __future__ import annotations

import hashlib
import signal
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from farm.container.mounts import mount_tmpfs, unmount_below
from farm.core.plan.trouble import Trouble
from farm.server.tables.states import AttemptState
from tests.servers import PrivateRedis
from tests.workers.build_host import hosting, script
from tests.workers.engine_door import engine_door
from tests.workers.programs import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.build_host import Host

pytestmark = [pytest.mark.docker, pytest.mark.redis]

SOURCE = b"what upstream has published"


@pytest.fixture
def host(tmp_path: Path, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    redis = PrivateRedis(tmp_path_factory.mktemp("redis"))
    redis.start()
    # What takes minutes on a farm takes seconds here.
    quick = {"first_pause_seconds": 0.5, "longest_pause_seconds": 2}
    with hosting(tmp_path, redis.url, migrated_sqlite, **quick) as host:
        yield host
    redis.stop()


def _troubles(host: Host, job: int) -> list[tuple[str, AttemptState, Trouble]]:
    return [(attempt.worker, attempt.state, attempt.trouble) for attempt in host.attempts(job)]


def test_an_engine_that_goes_away_costs_no_job_and_its_worker_says_so(host: Host, tmp_path: Path) -> None:
    with engine_door(tmp_path / "engine.sock") as door:
        host.worker("one", docker=door.url)
        job = host.submit(a=script("a", "echo begun\nsleep 3"))["a"]
        eventually(lambda: host.says(job, "begun"), what="the build has begun")
        door.shut()
        eventually(lambda: host.job(job).job.trouble == "engine", seconds=60, what="it is given back")
        given_back = host.job(job).job
        assert given_back.state == "ready"
        assert "Docker Engine" in given_back.error
        eventually(lambda: host.says_worker("one", "no jobs are taken"), what="the worker says so")
        assert len(host.attempts(job)) == 1, "while its engine is away a worker takes nothing"

        # It continues elsewhere.
        host.worker("two")
        assert host.ended(job).job.state == "succeeded"
        assert _troubles(host, job) == [
            ("one", AttemptState.RELEASED, Trouble.ENGINE),
            ("two", AttemptState.SUCCEEDED, Trouble.NONE),
        ]
        door.open()
        eventually(lambda: host.says_worker("one", "jobs are taken again"), seconds=90, what="the worker goes on")


def test_a_full_disk_costs_no_job(host: Host, tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    mount_tmpfs(disk, size=72 << 20, inodes=1000, owner=0)
    try:
        host.worker("one", blobs=str(disk / "blobs"))
        big = 'mkdir -p "$DESTDIR/usr/share/x"\nhead --bytes=80M /dev/urandom > "$DESTDIR/usr/share/x/big"'
        job = host.submit(a=script("a", big))["a"]
        eventually(lambda: host.job(job).job.trouble == "disk", seconds=60, what=f"it is given back: {host.job(job)}")
        assert host.job(job).job.state == "ready"
        (disk / "filling").write_bytes(b"x" * (40 << 20))
        eventually(lambda: host.says_worker("one", f"nothing can be written in {disk}"), what="the worker says so")
        tried = len(host.attempts(job))
        host.worker("two")
        assert host.ended(job).job.state == "succeeded"
        assert len(host.attempts(job)) == tried + 1
    finally:
        unmount_below(disk)


@contextmanager
def _origin(answer: list[tuple[int, bytes]], port: int = 0) -> Iterator[str]:
    """A server of sources that answers with the last entry of the list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answer[-1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.tar"
    finally:
        server.shutdown()
        server.server_close()


def _with_source(name: str, url: str) -> dict[str, bytes]:
    digest = hashlib.sha256(SOURCE).hexdigest()
    sources = f"source:\n  - url: {url}\n    sha256: {digest}\nsteps:"
    return {"recipe.yaml": script(name)["recipe.yaml"].replace(b"steps:", sources.encode(), 1)}


def test_an_origin_that_does_not_answer_is_waited_for_and_one_that_says_no_is_not(host: Host) -> None:
    host.worker("one", allowed_networks=["127.0.0.0/8"])
    answer = [(503, b"")]
    with _origin(answer) as url, _origin([(404, b"")]) as gone, _origin([(200, b"other bytes")]) as other:
        recipes = {"a": _with_source("a", url), "b": _with_source("b", gone), "c": _with_source("c", other)}
        names = host.submit(**recipes, d=script("d", needs=("a",)))
        assert host.ended(names["b"]).job.error_code == "source-unreachable"
        assert host.ended(names["c"]).job.error_code == "source-digest-mismatch"
        eventually(lambda: host.job(names["a"]).job.trouble == "origin", what="it rests")
        eventually(lambda: len(host.attempts(names["a"])) > 4, seconds=60, what="it is tried again and again")
        assert host.job(names["d"]).job.state == "waiting"
        assert "503" in host.attempts(names["a"])[0].error
        answer.append((200, SOURCE))
        assert host.ended(names["a"]).job.state == "succeeded"
        assert host.ended(names["d"]).job.state == "succeeded"
    assert {attempt.trouble for attempt in host.attempts(names["a"])[:-1]} == {Trouble.ORIGIN}


def test_each_try_asks_an_origin_that_could_not_be_reached_anew(host: Host) -> None:
    """A worker that cached the failure would count attempts without a request, each followed by a longer pause."""
    host.worker("one", allowed_networks=["127.0.0.0/8"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        port = taken.getsockname()[1]
        job = host.submit(a=_with_source("a", f"http://127.0.0.1:{port}/x.tar"))["a"]
        eventually(lambda: len(host.attempts(job)) > 3, seconds=60, what="it is tried again and again")
    with _origin([(200, SOURCE)], port):
        assert host.ended(job).job.state == "succeeded"
    tries = host.attempts(job)
    assert all(attempt.error.endswith("Connection refused") for attempt in tries[:3]), [
        attempt.error for attempt in tries
    ]
    assert len(tries) < 8


def test_a_job_that_ends_one_worker_after_the_other_is_set_aside_and_the_rest_goes_on(host: Host) -> None:
    poison = host.submit(poison=script("poison", "echo begun\nsleep 600"))["poison"]
    for number, name in enumerate(("one", "two", "three"), start=1):
        worker = host.worker(name)
        eventually(lambda number=number: len(host.attempts(poison)) == number, seconds=60, what="it is taken")
        eventually(lambda: host.says(poison, "begun"), what="it has begun")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    eventually(lambda: host.job(poison).job.state == "set-aside", seconds=60, what="it is set aside")
    assert "on one, three, two" in host.job(poison).job.error
    assert {attempt.trouble for attempt in host.attempts(poison)} == {Trouble.LOST}
    needing = host.submit(poison=script("poison", "echo begun\nsleep 600"), a=script("a", needs=("poison",)))["a"]
    host.worker("four")
    assert host.ended(host.submit(b=script("b"))["b"]).job.state == "succeeded"
    assert host.job(needing).job.state == "waiting"
    assert len(host.attempts(poison)) == 3
    with host.farm.client() as client:
        taken_up = client.retry(poison)
    assert (taken_up.id, taken_up.state) == (poison, "ready")
    eventually(lambda: len(host.attempts(poison)) == 4, what="it is taken once more")
