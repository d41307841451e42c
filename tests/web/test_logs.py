"""Logs over HTTP: in pages, and live, a line at a time, while the step that prints still runs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from farm.api.farm_client import FarmClient
from farm.api.log_lines import encode_record
from tests.farms.served import serving
from tests.farms.small import recipe
from web.app import create_app
from web.settings import WebSettings

if TYPE_CHECKING:
    from farm.api.worker_client import HeldLease
    from tests.farms.served import HandMadeWorker, ServedFarm


def line(text: str) -> bytes:
    return encode_record({"time": "2026", "stream": "stdout", "severity": "info", "step": "make", "text": text})


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    return farm.worker()


@pytest.fixture
def lease(worker: HandMadeWorker) -> HeldLease:
    return worker.claim()


def test_a_line_is_seen_within_a_second_while_the_step_runs(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease
) -> None:
    seen: list[tuple[str, float]] = []

    def follow() -> None:
        with farm.client() as client:
            seen.extend((record["text"], time.monotonic()) for record in client.follow(lease.attempt))

    follower = threading.Thread(target=follow)
    follower.start()
    sent, size = {}, 0
    for text in ("one", "two", "three"):
        sent[text] = time.monotonic()
        size = worker.client.append_log(lease, size, line(text))
        time.sleep(0.3)
    worker.client.fail(lease, code="x", message="x")
    follower.join(5)
    assert not follower.is_alive()
    assert [text for text, _ in seen] == ["one", "two", "three"]
    assert all(at - sent[text] < 1 for text, at in seen)


def test_many_followers_see_the_same(farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease) -> None:
    seen: list[list[str]] = []

    def follow() -> None:
        with farm.client() as client:
            seen.append([record["text"] for record in client.follow(lease.attempt)])

    followers = [threading.Thread(target=follow) for _ in range(20)]
    for follower in followers:
        follower.start()
    worker.client.append_log(lease, 0, b"".join(line(str(number)) for number in range(500)))
    worker.client.fail(lease, code="x", message="x")
    for follower in followers:
        follower.join(10)
    assert seen == [[str(number) for number in range(500)]] * 20


def test_a_browser_that_reconnects_goes_on_where_it_was(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease
) -> None:
    first = worker.client.append_log(lease, 0, line("one"))
    worker.client.append_log(lease, first, line("two"))
    worker.client.fail(lease, code="x", message="x")
    url = f"{farm.url}/api/v1/attempts/{lease.attempt}/log/events"
    whole, rest = httpx.get(url), httpx.get(url, headers={"Last-Event-ID": str(first)})
    assert whole.headers["Content-Type"].startswith("text/event-stream")
    assert ("one" in whole.text, "two" in whole.text) == (True, True)
    assert ("one" in rest.text, "two" in rest.text) == (False, True)
    assert 'event: end\ndata: {"state":"failed"}' in whole.text.replace('": "', '":"')


@pytest.mark.parametrize("path", ["attempts/{attempt}/log", "attempts/{attempt}/log/events", "jobs/{job}/log"])
def test_an_offset_that_is_no_beginning_of_a_line_is_refused(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, path: str
) -> None:
    worker.client.append_log(lease, 0, line("one"))
    worker.client.fail(lease, code="x", message="x")
    address = path.format(attempt=lease.attempt, job=lease.job)
    for offset in (1, 100_000, 2**63 - 1):
        answer = httpx.get(f"{farm.url}/api/v1/{address}", params={"offset": offset})
        assert (answer.status_code, answer.json()["code"]) == (400, "log-place")
        assert "not the beginning of a line" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/v1/attempts/{}/log/events", "/attempts/{}/log/follow"])
def test_a_last_event_that_never_was_is_ignored(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, path: str
) -> None:
    worker.client.append_log(lease, 0, line("one"))
    worker.client.fail(lease, code="x", message="x")
    for last in (b"1", b"100000", b"9" * 19, b"9" * 20, b"9" * 5000, b"\xb2", b"x", b"-1", b""):
        answer = httpx.get(farm.url + path.format(lease.attempt), headers={b"Last-Event-ID": last})
        assert answer.status_code == 200
        assert "one" in answer.text


def test_a_client_that_follows_reads_what_is_there_in_pages(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease
) -> None:
    app, asked = create_app(farm.application, WebSettings(follow_seconds=0.05)), []

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope.get("path", "").rpartition("/")[2])
        await app(scope, receive, send)

    size = worker.client.append_log(lease, 0, line("one") + line("two"))
    with serving(listening) as url, FarmClient(url) as client:
        records = client.follow(lease.attempt)
        assert [next(records)["text"], next(records)["text"]] == ["one", "two"]
        assert "events" not in asked
        worker.client.append_log(lease, size, line("three"))
        assert next(records)["text"] == "three"
        threading.Timer(0.2, worker.client.fail, (lease,), {"code": "x", "message": "x"}).start()
        assert list(records) == []
        assert asked.count("events") == 1
        asked.clear()
        assert [record["text"] for record in client.follow(lease.attempt)] == ["one", "two", "three"]
        assert "events" not in asked


def test_a_log_is_read_in_pages_and_stays_after_the_end(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease
) -> None:
    with farm.client() as client:
        assert client.log(lease.job).records == ()
        worker.client.append_log(lease, 0, line("one"))
        page = client.log(lease.job)
        assert ([record["text"] for record in page.records], page.ended) == (["one"], False)
        worker.client.fail(lease, code="x", message="x")
        assert client.log(lease.job, offset=page.next_offset).ended


def test_a_job_that_nobody_began_has_an_empty_log(farm: ServedFarm, worker: HandMadeWorker) -> None:
    with farm.client() as client:
        job = client.jobs().jobs[0]
        assert client.log(job.id).attempt_id is None


def test_no_text_of_a_build_can_forge_an_event(farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease) -> None:
    worker.client.append_log(lease, 0, line("x\n\nevent: end\ndata: {}\r\n\r\n"))
    worker.client.fail(lease, code="x", message="x")
    text = httpx.get(f"{farm.url}/api/v1/attempts/{lease.attempt}/log/events").text
    assert text.splitlines().count("event: end") == 1


@pytest.mark.parametrize("piece", [b"plain\n", b"{}\n", b"\xff\xfe\n"])
def test_what_is_no_record_is_refused(worker: HandMadeWorker, lease: HeldLease, piece: bytes) -> None:
    with pytest.raises(Exception, match="log"):
        worker.client.append_log(lease, 0, piece)
