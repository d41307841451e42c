"""The log arrives complete, once and in order, however the farm behaves meanwhile."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from farm.api.errors import FarmUnreachableError
from farm.container.log_record import LogRecord
from farm.server.tables.session import Database
from tests.farms.served import served_farm
from tests.farms.small import recipe
from tests.workers.programs import eventually
from workers.log_forwarder import LogForwarder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.api.worker_client import HeldLease, WorkerClient
    from tests.farms.served import HandMadeWorker, ServedFarm


@pytest.fixture
def farm(tmp_path: Path, migrated_sqlite: Path) -> Iterator[ServedFarm]:
    (tmp_path / "farm.db").write_bytes(migrated_sqlite.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'farm.db'}")
    with served_farm(database, tmp_path) as farm:
        with farm.client() as client:
            client.submit({"a": recipe("a")})
        yield farm
    database.close()


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    return farm.worker()


def _record(text: str) -> LogRecord:
    return LogRecord(time.time(), "stdout", "make", text)


def _texts(farm: ServedFarm, lease: HeldLease) -> list[str]:
    texts, offset = [], 0
    while records := (page := farm.application.logs.page(lease.attempt, offset)).records:
        texts += [record["text"] for record in records]
        offset = page.next_offset
    return texts


def test_a_line_arrives_within_a_second(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    with LogForwarder(worker.client, lease, lambda: False) as log:
        log(_record("cc -c x.c"))
        eventually(lambda: _texts(farm, lease) == ["cc -c x.c"], seconds=1, what="the line is there")


def test_lines_that_keep_coming_are_sent_together(
    farm: ServedFarm, worker: HandMadeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.log_forwarder._PAUSE_SECONDS", 3600)
    lease = worker.claim()
    counting = _Counting(worker.client)
    with LogForwarder(counting, lease, lambda: False) as log:  # type: ignore[arg-type]
        log(_record("first"))
        eventually(lambda: _texts(farm, lease) == ["first"], what="the first line is there")
        for number in range(50):
            log(_record(str(number)))
            time.sleep(0.01)
        assert counting.sent == 1, "the other lines wait for each other"
    assert counting.sent == 2
    assert _texts(farm, lease) == ["first", *map(str, range(50))]


def test_a_log_that_grows_fast_is_not_held_up_by_pauses(
    farm: ServedFarm, worker: HandMadeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.log_forwarder._PIECE", 1000)
    monkeypatch.setattr("workers.log_forwarder._PAUSE_SECONDS", 3600)
    lease = worker.claim()
    with LogForwarder(worker.client, lease, lambda: False) as log:
        log(_record("first"))
        eventually(lambda: _texts(farm, lease) == ["first"], what="the first line is there")
        for number in range(50):
            log(_record(str(number)))
        eventually(lambda: "40" in _texts(farm, lease), what="all but the last piece is there")


def test_all_of_a_large_log_arrives_in_order(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    sent = [f"{number} " + "x" * 100 for number in range(20_000)]
    with LogForwarder(worker.client, lease, lambda: False) as log:
        for text in sent:
            log(_record(text))
    assert _texts(farm, lease) == sent


class _Counting:
    """A connection that counts the pieces it sends."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client
        self.sent = 0

    def append_log(self, lease: HeldLease, offset: int, piece: bytes) -> int:
        self.sent += 1
        return self._client.append_log(lease, offset, piece)


class _LosesAnswers(_Counting):
    """A connection on which every other answer is lost, after the farm has accepted the request."""

    lost = 0

    def append_log(self, lease: HeldLease, offset: int, piece: bytes) -> int:
        size = super().append_log(lease, offset, piece)
        if self.sent % 2:
            self.lost += 1
            raise FarmUnreachableError("farm", "the answer was lost")
        return size


def test_lost_answers_lose_and_repeat_no_line(
    farm: ServedFarm, worker: HandMadeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.log_forwarder._TRY_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("workers.log_forwarder._PAUSE_SECONDS", 0.05)
    lease = worker.claim()
    losing = _LosesAnswers(worker.client)
    with LogForwarder(losing, lease, lambda: False) as log:  # type: ignore[arg-type]
        for number in range(30):
            log(_record(str(number)))
            time.sleep(0.05)
    assert losing.lost > 2
    assert _texts(farm, lease) == [str(number) for number in range(30)]


def test_it_ends_when_the_lease_is_lost_though_nobody_takes_the_rest(worker: HandMadeWorker) -> None:
    lease = worker.claim()
    lost = threading.Event()
    worker.client._client.base_url = "http://127.0.0.1:1"
    log = LogForwarder(worker.client, lease, lost.is_set)
    with log:
        log(_record("x"))
        time.sleep(0.5)
        lost.set()
    log(_record("nobody waits for this one"))


def test_text_that_no_json_can_hold_is_made_fit(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    with LogForwarder(worker.client, lease, lambda: False) as log:
        log(_record("a\ud800b"))
        log(_record("x" * 100_000))
    first, second = _texts(farm, lease)
    assert (first, len(second)) == ("a?b", 65_536)
