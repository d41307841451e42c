"""What candidates and orders are is kept in columns that take nothing else, and rows of before are carried over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlmodel import select

from farm.core.names.digest import Digest
from farm.server.channels import candidates, excuses
from farm.server.channels.candidates import Source
from farm.server.curation import orders
from farm.server.tables.pipeline_states import CandidateOrigin, OrderEnding, OrderKind
from farm.server.tables.release_rows import CandidateRow
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database

if TYPE_CHECKING:
    from sqlmodel import Session

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-11-24 12:00:00.000000"


def run(session: Session, statement: str, **values: object) -> None:
    session.connection().execute(text(statement), values)


def old_candidate(session: Session, number: int, source: str, state: str, channel: str = "stable") -> None:
    run(
        session,
        "INSERT INTO candidate (id, channel, set_digest, base_number, source, state, reason, created_at, trace) "
        "VALUES (:id, :channel, :digest, 0, :source, :state, '', :at, 't')",
        id=number,
        channel=channel,
        digest=Digest.of(b"set"),
        source=source,
        state=state,
        at=AT,
    )


def old_order(
    session: Session, number: int, kind: str, candidate: int | None, outcome: str, *, done: bool = True
) -> None:
    run(
        session,
        "INSERT INTO curator_order (id, channel, kind, detail, reason, ordered_by, at, candidate_id, done_at, outcome) "
        "VALUES (:id, 'stable', :kind, '{}', '', 'ann', :at, :candidate, :done, :outcome)",
        id=number,
        kind=kind,
        at=AT,
        candidate=candidate,
        done=AT if done else None,
        outcome=outcome,
    )


@pytest.fixture
def old(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database as the version before left it, with nothing but two channels in it."""
    database, upgrade = Database(database_url), command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _head: upgrade(config, "0006"))
        migrate(database)
    with database.write() as session:
        for name in ("stable", "rollback-lane"):
            run(
                session,
                "INSERT INTO channel (name, policy, frozen_why, frozen_by, trouble) VALUES (:n, '', '', '', '')",
                n=name,
            )
    return database


def test_what_candidates_came_from_is_carried_over_from_the_orders_that_name_them(old: Database) -> None:
    with old.write() as session:
        old_candidate(session, 1, "rollback-lane release 4", "open")
        old_candidate(session, 2, "rollback to release 7", "released")
        old_candidate(session, 3, "rollback to release 7", "superseded")
        old_candidate(session, 4, "rollback-lane release 5", "refused")
        old_candidate(session, 5, "builds", "released")
        old_candidate(session, 6, "builds", "refused")
        old_order(session, 1, "rollback", 2, "released: release 9 of stable is published")
        old_order(session, 2, "promote", 4, "refused: no")
        old_order(session, 3, "retry", 6, "", done=False)
    migrate(old)
    with old.read() as session:
        found = {candidate.id: candidate.source for candidate in candidates.candidates(session, "stable")}
    assert found == {
        1: Source(CandidateOrigin.COLLECTED, "rollback-lane", 4),
        2: Source(CandidateOrigin.ROLLBACK, "stable", 7),
        3: Source(CandidateOrigin.ROLLBACK, "stable", 7),
        4: Source(CandidateOrigin.PROMOTION, "rollback-lane", 5),
        5: Source(CandidateOrigin.COLLECTED),
        6: Source(CandidateOrigin.RETRY),
    }
    assert [str(found[number]) for number in (1, 2, 5)] == [
        "rollback-lane release 4",
        "rollback to release 7",
        "builds",
    ]
    old.close()


def test_how_orders_ended_is_carried_over_from_their_candidates(old: Database) -> None:
    with old.write() as session:
        for number, state in enumerate(("released", "refused", "superseded"), start=1):
            old_candidate(session, number, "builds", state)
            old_order(session, number, "retry", number, "withdrawn by ann: nothing to do: refused: x")
        old_order(session, 4, "promote", None, "nothing to do: stable holds that already")
        old_order(session, 5, "rollback", None, "refused: ann holds jq on stable")
        old_order(session, 6, "retry", None, "withdrawn by ann: refused")
        old_order(session, 7, "retry", None, "", done=False)
    migrate(old)
    with old.read() as session:
        found = {order.id: order.ending for order in orders.orders(session, "stable")}
    assert found == {
        1: OrderEnding.RELEASED,
        2: OrderEnding.REFUSED,
        3: OrderEnding.WITHDRAWN,
        4: OrderEnding.NOTHING_TO_DO,
        5: OrderEnding.REFUSED,
        6: OrderEnding.WITHDRAWN,
        7: None,
    }
    old.close()


def test_an_excuse_of_before_is_under_way_where_a_rebuild_was_at_work(old: Database) -> None:
    with old.write() as session:
        old_candidate(session, 1, "builds", "refused")
        for gate, remedy in (("reproduced", ""), ("reproduced", "Mend it."), ("build", "")):
            run(
                session,
                "INSERT INTO excuse (channel, candidate_id, package, digest, version, gate, root, reason, owner, line, "
                "partners, remedy, since, cleared_by) VALUES "
                "('stable', 1, :name, '', '', :gate, '', 'x', '', '', '[]', :remedy, :at, '')",
                name=gate + remedy,
                gate=gate,
                remedy=remedy,
                at=AT,
            )
    migrate(old)
    with old.read() as session:
        found = {each.excuse.package: each.excuse.under_way for each in excuses.standing(session, "stable")}
    assert found == {"reproduced": True, "reproducedMend it.": False, "build": False}
    old.close()


def test_a_kind_that_there_is_not_is_neither_written_nor_read(database: Database) -> None:
    with database.write() as session:
        run(
            session,
            "INSERT INTO channel (name, policy, frozen_why, frozen_by, trouble) VALUES ('edge', '', '', '', '')",
        )
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
        )  # the one state that the database takes and nothing writes
        session.expire_all()
        with pytest.raises(ValueError, match="passed"):
            session.exec(select(CandidateRow)).all()


def test_an_order_is_read_as_what_it_is(database: Database) -> None:
    with database.write() as session:
        run(
            session,
            "INSERT INTO channel (name, policy, frozen_why, frozen_by, trouble) VALUES ('edge', '', '', '', '')",
        )
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
