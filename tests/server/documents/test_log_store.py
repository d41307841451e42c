"""Logs: appended by offset, accepted once, bounded, and read in whole lines while they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.api.log_lines import InvalidLogError, encode_record
from farm.core.names.digest import Digest
from farm.server.documents import log_store
from farm.server.documents.log_store import LogOffsetError, LogStore
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path


def line(text: str) -> bytes:
    return encode_record(
        {"time": "2026-11-24T12:00:00.000000Z", "stream": "stdout", "severity": "info", "step": "make", "text": text}
    )


@pytest.fixture
def logs(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path / "logs")


def test_what_is_appended_is_read_from_any_line_on(logs: LogStore) -> None:
    size = logs.append(1, 0, line("one") + line("two"), limit=10_000)
    assert logs.append(1, size, line("three"), limit=10_000) == logs.size(1)
    assert [record["text"] for record in logs.page(1, 0).records] == ["one", "two", "three"]
    page = logs.page(1, len(line("one")))
    assert [record["text"] for record in page.records] == ["two", "three"]
    assert page.next_offset == logs.size(1)


def test_sending_the_same_piece_twice_writes_it_once(logs: LogStore) -> None:
    logs.append(1, 0, line("one"), limit=10_000)
    assert logs.append(1, 0, line("one"), limit=10_000) == len(line("one"))
    assert len(logs.page(1, 0).records) == 1


def test_a_gap_or_another_text_at_an_old_place_is_refused_with_the_right_offset(logs: LogStore) -> None:
    logs.append(1, 0, line("one"), limit=10_000)
    for offset, text in ((500, "x"), (0, "other")):
        with pytest.raises(LogOffsetError) as caught:
            logs.append(1, offset, line(text), limit=10_000)
        assert caught.value.size == len(line("one"))


def test_a_log_has_a_bound(logs: LogStore) -> None:
    with refuses("log-too-long"):
        logs.append(1, 0, line("x" * 1000), limit=500)
    assert logs.size(1) == 0


@pytest.mark.parametrize(
    "piece",
    [
        b"make: done\n",
        line("x")[:-1],
        b"{}\n",
        line("x").replace(b'"info"', b'"loud"'),
        line("x").replace(b'"x"', b"7"),
        line("x").replace(b",", b", "),
        line("y" * 70_000),
        b"\xff\n",
        b"\n",
        b"[" * 100_000 + b"\n",
        line("x").replace(b'"x"', rb'"\ud800"'),
    ],
)
def test_what_is_no_record_is_refused(logs: LogStore, piece: bytes) -> None:
    with pytest.raises(InvalidLogError):
        logs.append(1, 0, piece, limit=1 << 20)
    assert logs.size(1) == 0


def test_a_page_ends_with_a_whole_line_and_the_next_goes_on(logs: LogStore) -> None:
    lines = [line(f"line {number} " + "x" * 50) for number in range(100)]
    logs.append(1, 0, b"".join(lines), limit=1 << 20)
    texts, offset = [], 0
    while (page := logs.page(1, offset, most=1000)).records:
        texts += [record["text"] for record in page.records]
        offset = page.next_offset
    assert len(texts) == 100


def test_a_page_begins_where_a_line_does_or_will_next(logs: LogStore) -> None:
    size = logs.append(1, 0, line("one"), limit=10_000)
    assert logs.page(1, size).records == ()
    for offset in (1, size - 1, size + 1, 2**63 - 1):
        with refuses("log-place", "not the beginning of a line"):
            logs.page(1, offset)


def test_a_line_longer_than_a_page_is_one_page(logs: LogStore) -> None:
    logs.append(1, 0, line("x" * 5000) + line("y"), limit=1 << 20)
    assert len(logs.page(1, 0, most=100).records[0]["text"]) == 5000


def test_a_log_that_nobody_wrote_is_empty(logs: LogStore) -> None:
    assert (logs.page(9, 0).records, logs.size(9), logs.summary(9).digest) == ((), 0, Digest.of(b""))


def test_the_first_error_is_looked_for_near_the_end_and_has_its_number_in_the_whole_log(
    logs: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "a.c:1:2: error: no"
    piece = b"".join(map(line, ["a.c:1:1: error: early", *["cc"] * 50, error, "make: *** [a.o] Error 1"]))
    logs.append(1, 0, piece, limit=100_000)
    for most, number in ((100_000, 1), (1000, 52), (1001, 52), (len(line(error)) * 2 + 20, 52)):
        monkeypatch.setattr(log_store, "_MOST_SCANNED", most)
        found = logs.first_error(1)
        assert found is not None
        assert found.line == number


def test_who_waits_too_long_for_others_that_scan_is_sent_away_for_a_moment(
    logs: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_store, "_PATIENCE", 0.2)
    with logs.scanning(1):
        with refuses("overloaded"), logs.scanning(1):
            pass
        with logs.scanning(2):
            pass
    with logs.scanning(1):
        pass
