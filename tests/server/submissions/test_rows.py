"""Submissions of before there were owners: taken, and nothing was recorded of what they consisted of."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from farm.server.submissions import submissions
from farm.server.submissions.ownership import ownership
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.tables.states import SubmissionState

BEFORE = "0010"


def test_submissions_of_before_are_taken_ones(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database, upgrade = Database(database_url), command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _head: upgrade(config, BEFORE))
        migrate(database)
    with database.write() as session:
        row = "INSERT INTO submission (submitted_by, submitted_at, trace) VALUES ('token:me', :at, 't')"
        session.connection().execute(text(row), {"at": "2026-11-24 12:00:00.000000"})
    migrate(database)
    with database.read() as session:
        (record,) = submissions.list_submissions(session, state=SubmissionState.TAKEN)
        assert (record.id, record.submitted_by, record.state) == (1, "token:me", SubmissionState.TAKEN)
        assert submissions.submitted(session, [1]) == {1: []}
        assert submissions.count_waiting(session) == 0
        assert ownership(session) is None
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_submission_is_in_no_state_that_there_is_not(database: Database) -> None:
    with database.write() as session:
        row = "INSERT INTO submission (submitted_by, submitted_at, trace) VALUES ('token:me', :at, 't')"
        session.connection().execute(text(row), {"at": "2026-11-24 12:00:00.000000"})
    with pytest.raises(StatementError), database.write() as session:
        submissions.set_state(session, 1, "lost")  # type: ignore[arg-type]
