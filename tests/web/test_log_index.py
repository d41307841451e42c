"""The index of a log finds the pages and lines that reading the whole log would find."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from farm.server.documents.log_store import LogStore
from tests.farms.stocked import log_record
from web.pages.log_index import PAGE_BYTES, PAGE_LINES, LogIndex, LogIndexes

if TYPE_CHECKING:
    from pathlib import Path

LINES = st.lists(st.builds(log_record, st.text(max_size=5)), min_size=1, max_size=40)


@given(LINES, st.lists(st.integers(0, 40), max_size=4))
def test_in_pieces_or_at_once_is_the_same(lines: list[bytes], cuts: list[int]) -> None:
    at_once, in_pieces = LogIndex(), LogIndex()
    at_once.add(b"".join(lines))
    bounds = [0, *sorted(cuts), len(lines)]
    for start, end in pairwise(bounds):
        in_pieces.add(b"".join(lines[start:end]))
    assert in_pieces == at_once
    assert at_once.lines == len(lines)


def test_pages_are_bounded_in_lines_and_in_bytes(tmp_path: Path) -> None:
    logs = LogStore(tmp_path)
    lines = [log_record(f"line {number}") for number in range(1, 2501)]
    lines += [log_record("x" * 60_000) for _ in range(20)]
    logs.append(7, 0, b"".join(lines), limit=1 << 30)
    index = LogIndexes(logs).of(7)
    assert index.lines == 2520
    assert [start.line for start in index.starts[:3]] == [1, 1001, 2001]
    for page in range(len(index.starts)):
        start, end = index.extent(page)
        records = logs.page(7, start.offset, most=end - start.offset).records
        assert len(records) <= PAGE_LINES
        assert end - start.offset <= PAGE_BYTES + 61_000
        assert index.page_of(start.line) == index.page_of(start.line + len(records) - 1) == page


def test_a_log_that_grows_is_looked_at_from_where_it_ended(tmp_path: Path) -> None:
    logs = LogStore(tmp_path)
    indexes = LogIndexes(logs)
    assert indexes.of(7).lines == 0
    first = log_record("one")
    logs.append(7, 0, first, limit=1000)
    assert indexes.of(7).lines == 1
    logs.append(7, len(first), log_record("two"), limit=1000)
    assert indexes.of(7).lines == 2


def test_a_line_is_known_by_where_it_begins_and_only_there(tmp_path: Path) -> None:
    logs = LogStore(tmp_path)
    lines = [log_record(f"line {number}") for number in range(1, 1203)]
    logs.append(7, 0, b"".join(lines), limit=1 << 30)
    indexes = LogIndexes(logs)
    offset = 0
    for number, line in enumerate(lines, 1):
        if number % 100 == 1:
            assert indexes.line_at(7, offset) == number
            assert indexes.line_at(7, offset + 5) is None
        offset += len(line)
    assert indexes.line_at(7, offset) == 1203
    assert indexes.line_at(7, offset + 1) is None


def test_a_million_lines_are_indexed_once(tmp_path: Path) -> None:
    logs = LogStore(tmp_path)
    (tmp_path / "7.jsonl").write_bytes(log_record("gcc -c file.c") * 1_000_000)
    indexes = LogIndexes(logs)
    began = time.process_time()
    assert len(indexes.of(7).starts) == 1000
    first = time.process_time() - began
    began = time.process_time()
    indexes.of(7)
    assert time.process_time() - began < first / 20
