"""Transactions: writers queue instead of failing, foreign keys hold, times keep their zone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, select

from farm.core.names.digest import Digest
from farm.server.identities import identities
from farm.server.jobs import attempts, job_queue, jobs
from farm.server.packages import packages
from farm.server.tables import outbox
from farm.server.tables.identity_rows import AuditRow
from farm.server.tables.records import AuditEvent
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _event(at: datetime = NOW, subject: str = "") -> AuditEvent:
    return AuditEvent(at=at, actor="farm", action="test", subject=subject, allowed=True)


def test_many_writers_that_read_first_all_get_their_turn(database: Database) -> None:
    with database.write() as session:
        identities.add_audit(session, _event(subject="0"))

    def count_up() -> None:
        for _ in range(10):
            with database.write() as session:
                row = session.exec(select(AuditRow).with_for_update()).one()
                row.subject = str(int(row.subject) + 1)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.exec(select(AuditRow.subject)).one() == "80"


def test_a_writing_block_that_raises_writes_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as session:
            identities.add_audit(session, _event())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as session:
        assert identities.audit_trail(session) == []


def test_what_a_reading_block_adds_is_dropped(database: Database) -> None:
    with database.read() as session:
        identities.add_audit(session, _event())
    with database.read() as session:
        assert identities.audit_trail(session) == []


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        jobs.add_job(session, kind=JobKind.BUILD, name="jq", trace="t", now=NOW, revision_id=4711)


def test_a_moment_comes_back_in_utc_whatever_zone_it_was_written_in(database: Database) -> None:
    moment = datetime(2026, 11, 24, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        identities.add_audit(session, _event(moment))
    with database.read() as session:
        ((_, read),) = identities.audit_trail(session)
    assert read.at == NOW
    assert read.at.tzinfo is UTC


def test_a_moment_without_zone_is_refused(database: Database) -> None:
    with pytest.raises((ValueError, StatementError), match="time zone"), database.write() as session:
        identities.add_audit(session, _event(datetime(2026, 11, 24)))  # noqa: DTZ001


@pytest.mark.parametrize("pragma", [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)])
def test_sqlite_is_set_up_on_every_connection(database: Database, pragma: tuple[str, object]) -> None:
    if not database.url.startswith("sqlite"):
        pytest.skip("SQLite's own settings")
    with database.read() as session:
        assert session.connection().execute(text(f"PRAGMA {pragma[0]}")).scalar() == pragma[1]


def _plan_of(database: Database, query: Callable[[Session], object]) -> str:
    """SQLite's query plan for the statements that `query` really sends."""
    sent: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        sent.append((statement, parameters))

    with database.read() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        query(session)
        event.remove(connection, "before_cursor_execute", note)
        driver = connection.connection.driver_connection
        assert driver is not None
        rows = [driver.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall() for statement, values in sent]
    return "\n".join(row[3] for found in rows for row in found)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            lambda session: job_queue.next_ready(session, tuple(JobKind), worker="w", hint=7, now=NOW, most_jobs=4),
            "ix_job_claim",
        ),
        (
            lambda session: job_queue.is_any_ready(session, tuple(JobKind), worker="w", now=NOW, most_jobs=4),
            "ix_job_claim",
        ),
        (lambda session: jobs.rebuilds_of(session, [Digest.of(b"")]), "ix_job_subject"),
        (lambda session: jobs.waiting_for(session, "zlib", [JobState.WAITING]), "SEARCH job_need"),
        (lambda session: attempts.expired(session, before=NOW, limit=10), "ix_attempt_expiry"),
        (lambda session: outbox.unsent(session, limit=10), "sent"),
        (lambda session: jobs.list_jobs(session, before=10, states=[JobState.READY]), "ix_job_state"),
        (lambda session: packages.packages_of_plan(session, Digest.of(b"")), "ix_package_plan"),
    ],
)
def test_the_hot_paths_walk_an_index(database: Database, query: Callable[[Session], object], index: str) -> None:
    plan = _plan_of(database, query)
    assert index in plan
    assert "SCAN" not in plan.replace("SCAN outbox USING INDEX", "")
    if index == "ix_job_claim":
        assert "TEMP B-TREE" not in plan
