"""The cost of a claim does not depend on the number of queued jobs, including rebuilds that the worker may not have.

The same holds for the query whether a job has met trouble, which each step of a channel makes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from farm.core.names.digest import Digest
from farm.core.plan.trouble import Trouble
from farm.server.jobs import job_queue, jobs
from farm.server.tables.identity_rows import WorkerRow
from farm.server.tables.job_rows import AttemptRow, JobRow
from farm.server.tables.states import AttemptState, JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KINDS = (JobKind.BUILD, JobKind.TEST)


def _job(number: int, state: JobState, *, subject: str, rebuild: bool = False) -> dict[str, object]:
    times = {"created_at": NOW, "changed_at": NOW}
    of_rebuild = {"rebuild": rebuild, "priority": jobs.REBUILD_PRIORITY if rebuild else 0}
    return (
        {
            "id": number,
            "kind": "build",
            "name": "a",
            "state": state,
            "subject": Digest.of(subject.encode()),
            "trace": "t",
        }
        | times
        | of_rebuild
    )


def _fill(database: Database, *, queued: int, own_rebuilds: int) -> None:
    """Queue first builds, and rebuilds of plans that the worker `one` has built itself."""
    worker = {"name": "one", "public_key": "k", "builds": True, "tests": True, "enrolled_by": "o", "enrolled_at": NOW}
    done = [_job(number, JobState.SUCCEEDED, subject=f"plan {number}") for number in range(1, own_rebuilds + 1)]
    start = own_rebuilds + 1
    again = [
        _job(start + number, JobState.READY, subject=f"plan {number + 1}", rebuild=True)
        for number in range(own_rebuilds)
    ]
    start += own_rebuilds
    first = [_job(start + number, JobState.READY, subject=f"other {number}") for number in range(queued)]
    held = {"worker": "one", "state": AttemptState.SUCCEEDED, "number": 1}
    times = {"claimed_at": NOW, "heartbeat_at": NOW, "expires_at": NOW}
    attempts = [{"job_id": job["id"], "token_digest": str(job["id"])} | held | times for job in done]
    with database.write() as session:
        connection = session.connection()
        connection.execute(insert(WorkerRow), [worker])
        for rows, table in (((*done, *again, *first), JobRow), (attempts, AttemptRow)):
            if rows:
                connection.execute(insert(table), list(rows))


def _claim(session: Session, worker: str) -> None:
    assert job_queue.is_any_ready(session, KINDS, worker=worker, now=NOW, most_jobs=4)
    assert job_queue.next_ready(session, KINDS, worker=worker, hint=None, now=NOW, most_jobs=4)


def _steps(database: Database, question: Callable[[Session], None]) -> int:
    """How many steps (in tens) SQLite's virtual machine takes for a query."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.read() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        question(session)  # the first time the statement is prepared
        driver.set_progress_handler(count, 10)
        question(session)
        driver.set_progress_handler(None, 10)
    return steps


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_claim_costs_as_much_with_a_hundred_jobs_queued_as_with_a_hundred_thousand(
    database: Database,
) -> None:
    _fill(database, queued=100, own_rebuilds=0)
    few = _steps(database, partial(_claim, worker="one"))
    with database.write() as session:
        more = [_job(1000 + number, JobState.READY, subject=f"more {number}") for number in range(99_900)]
        session.connection().execute(insert(JobRow), more)
    assert _steps(database, partial(_claim, worker="one")) <= few + 20


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_rebuilds_that_are_not_for_this_worker_stand_behind_all_first_builds(database: Database) -> None:
    _fill(database, queued=1, own_rebuilds=5000)
    assert (
        _steps(database, partial(_claim, worker="one")) <= _steps(database, partial(_claim, worker="nobody else")) + 20
    )


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_whether_a_job_met_trouble_is_not_looked_for_among_all_that_are_ready(database: Database) -> None:
    def newest(session: Session) -> None:
        assert jobs.last_trouble(session) == NOW + timedelta(seconds=1)

    _fill(database, queued=5000, own_rebuilds=0)
    met = {"trouble": Trouble.ORIGIN, "changed_at": NOW + timedelta(seconds=1)}
    with database.write() as session:
        session.connection().execute(insert(JobRow), [_job(9000, JobState.READY, subject="it") | met])
    assert _steps(database, newest) <= 10
