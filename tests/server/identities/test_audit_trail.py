"""Reading the audit trail: by channel, since a time, a page at a time, without reading all lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from farm.server.identities import identities
from farm.server.tables.records import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.tables.session import Database

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = START + timedelta(hours=5)


@pytest.fixture
def trail(database: Database) -> Callable[..., list[tuple[int, str]]]:
    """Ten lines, one an hour, of edge and stable in turn."""
    with database.write() as session:
        for hour in range(10):
            at, channel = START + timedelta(hours=hour), ("edge", "stable")[hour % 2]
            line = AuditEvent(at=at, actor="a", action="x", subject=str(hour), allowed=True, channel=channel)
            identities.add_audit(session, line)

    def read(**asked: Any) -> list[tuple[int, str]]:
        with database.read() as session:
            return [(number, trail_event.subject) for number, trail_event in identities.audit_trail(session, **asked)]

    return read


def test_lines_are_found_by_channel_time_and_number_newest_first(
    trail: Callable[..., list[tuple[int, str]]],
) -> None:
    assert [subject for _, subject in trail(limit=3)] == ["9", "8", "7"]
    assert [subject for _, subject in trail(channel="edge", limit=2)] == ["8", "6"]
    assert [subject for _, subject in trail(since=START + timedelta(hours=7))] == ["9", "8", "7"]
    assert [subject for _, subject in trail(channel="stable", since=START + timedelta(hours=4))] == ["9", "7", "5"]
    assert trail(since=START + timedelta(hours=10)) == []
    number, _ = trail(limit=3)[-1]
    assert [subject for _, subject in trail(before=number, limit=2)] == ["6", "5"]
    assert trail(channel="nope") == []


def test_a_line_that_was_written_late_is_there_all_the_same(
    database: Database, trail: Callable[..., list[tuple[int, str]]]
) -> None:
    with database.write() as session:
        for second in (2, 1):  # the second of two concurrent transactions had begun first
            at = START + timedelta(hours=20, seconds=second)
            line = AuditEvent(at=at, actor="a", action="x", subject=f"late {second}", allowed=True)
            identities.add_audit(session, line)
    assert [subject for _, subject in trail(since=START + timedelta(hours=20))] == ["late 1", "late 2"]


@pytest.mark.parametrize("asked", [{"channel": "edge"}, {"since": LATER}, {"channel": "edge", "since": LATER}])
def test_an_index_finds_the_lines(
    database: Database, trail: Callable[..., list[tuple[int, str]]], asked: dict[str, Any]
) -> None:
    statements: list[tuple[str, Any]] = []
    with database.read() as session:
        connection = session.connection()
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL scans what is small whatever the index")
        event.listen(connection, "before_cursor_execute", lambda *seen: statements.append((seen[2], seen[3])))
        identities.audit_trail(session, **asked)
        plans = [
            row[-1]
            for statement, parameters in list(statements)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert trail(**asked)
    assert "since" not in asked or 5 in statements[1][1]  # the fifth line is the last of the earlier ones
    assert plans
    assert all(plan.startswith("SEARCH audit") for plan in plans), plans
