"""A submission is in one of the existing states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from farm.server.submissions import submissions

if TYPE_CHECKING:
    from farm.server.tables.session import Database


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_submission_is_in_no_state_that_there_is_not(database: Database) -> None:
    with database.write() as session:
        row = "INSERT INTO submission (submitted_by, submitted_at, trace) VALUES ('token:me', :at, 't')"
        session.connection().execute(text(row), {"at": "2026-11-24 12:00:00.000000"})
    with pytest.raises(StatementError), database.write() as session:
        submissions.set_state(session, 1, "lost", now=datetime.now(UTC))  # type: ignore[arg-type]
