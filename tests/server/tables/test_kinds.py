"""The kinds of candidates and orders are stored in columns that accept no other value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlmodel import select

from farm.server.channels import releases
from farm.server.curation import orders
from farm.server.tables.pipeline_states import CandidateOrigin, OrderEnding, OrderKind
from farm.server.tables.release_rows import CandidateRow

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-11-24 12:00:00.000000"


def run(session: Session, statement: str, **values: object) -> None:
    session.connection().execute(text(statement), values)


def test_a_kind_that_there_is_not_is_neither_written_nor_read(database: Database) -> None:
    with database.write() as session:
        releases.ensure_channel(session, "edge", "")
    unknown = CandidateRow(channel="edge", set_digest="x", origin="rollback-lane", state="open", created_at=NOW)
    with pytest.raises(StatementError, match="rollback-lane"), database.write() as session:
        session.add(unknown)
    with pytest.raises(SQLAlchemyError), database.write() as session:
        run(
            session,
            "INSERT INTO curator_order (channel, kind, detail, reason, ordered_by, at, ending, outcome) "
            "VALUES ('edge', 'retry', '{}', '', 'ann', :at, 'withdrawn by ann', '')",
            at=AT,
        )
    with database.write() as session:
        row = CandidateRow(
            channel="edge", set_digest="x", origin=CandidateOrigin.COLLECTED, state="open", created_at=NOW
        )
        session.add(row)
        session.flush()
        run(
            session, "UPDATE candidate SET state = 'passed'"
        )  # the one state that the database accepts and nothing writes
        session.expire_all()
        with pytest.raises(ValueError, match="passed"):
            session.exec(select(CandidateRow)).all()


def test_an_order_is_read_as_what_it_is(database: Database) -> None:
    with database.write() as session:
        releases.ensure_channel(session, "edge", "")
        given = orders.add_order(
            session,
            "edge",
            OrderKind.RETRY,
            detail={"packages": []},
            reason="withdrawn by bob",
            ordered_by="ann",
            now=NOW,
        )
        orders.finish_order(
            session,
            given.id,
            candidate_id=None,
            ending=OrderEnding.NOTHING_TO_DO,
            outcome="withdrawn by bob: refused",
            now=NOW,
        )
    with database.read() as session:
        (found,) = orders.orders(session, "edge")
    assert (found.kind, found.ending) == (OrderKind.RETRY, OrderEnding.NOTHING_TO_DO)
