"""Jobs as rows: a transition starts from the state that was read, or is not made; only if the state machine has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from farm.core.names.digest import Digest
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.tables import outbox
from farm.server.tables.records import Job, Worker
from farm.server.tables.states import AttemptState, JobKind, JobState

if TYPE_CHECKING:
    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLAN = Digest.of(b"plan")


def _job(database: Database, *, subject: Digest | None = None) -> Job:
    with database.write() as session:
        return jobs.add_job(session, kind=JobKind.BUILD, name="a", trace="t", now=NOW, subject=subject)


def test_a_step_from_a_state_that_was_left_meanwhile_is_not_taken(database: Database) -> None:
    job = _job(database)
    with database.write() as session:
        assert jobs.move(session, job, JobState.READY, now=NOW)
        assert not jobs.move(session, job, JobState.CANCELLED, now=NOW)
        seen = jobs.job(session, job.id)
    assert seen is not None
    assert seen.state is JobState.READY


def test_a_step_that_the_state_machine_lacks_is_a_mistake_of_the_program(database: Database) -> None:
    job = _job(database)
    with database.write() as session, pytest.raises(ValueError, match="from waiting to running"):
        jobs.move(session, job, JobState.RUNNING, now=NOW)


def test_ready_and_the_message_that_says_so_are_written_together(database: Database) -> None:
    job = _job(database)

    def fails_after_the_step() -> None:
        with database.write() as session:
            jobs.move(session, job, JobState.READY, now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_after_the_step()
    with database.read() as session:
        assert outbox.unsent(session, limit=10) == []
    with database.write() as session:
        jobs.move(session, job, JobState.READY, now=NOW)
    with database.read() as session:
        assert [ring.job_id for ring in outbox.unsent(session, limit=10)] == [job.id]


def test_two_jobs_with_one_plan_cannot_both_be_ready(database: Database) -> None:
    first, second = _job(database, subject=PLAN), _job(database, subject=PLAN)
    with database.write() as session:
        jobs.move(session, first, JobState.READY, now=NOW)
    with pytest.raises(IntegrityError), database.write() as session:
        jobs.move(session, second, JobState.READY, now=NOW)


def _enrolled(database: Database) -> None:
    worker = Worker(
        name="one",
        public_key="00" * 32,
        builds=True,
        tests=True,
        enrolled_by="me",
        enrolled_at=NOW,
        revoked_at=None,
        seen_at=None,
    )
    with database.write() as session:
        identities.enrol_worker(session, worker)


def test_an_attempt_is_changed_only_before_its_lease_runs_out(database: Database) -> None:
    job = _job(database)
    _enrolled(database)
    with database.write() as session:
        attempt = attempts.add_attempt(session, job_id=job.id, worker="one", token_digest="1", now=NOW, expires_at=NOW)
        assert not attempts.change_live(session, attempt, now=NOW, log_size=1)
        assert attempts.change_live(session, attempt, now=NOW - timedelta(seconds=1), log_size=1)


def test_an_attempt_is_found_by_its_number_its_worker_and_its_token_together(database: Database) -> None:
    job = _job(database)
    _enrolled(database)
    with database.write() as session:
        attempt = attempts.add_attempt(session, job_id=job.id, worker="one", token_digest="1", now=NOW, expires_at=NOW)
        assert attempts.holder(session, attempt.id, worker="one", token_digest="1") == attempt
        assert attempts.holder(session, attempt.id, worker="one", token_digest="2") is None
        assert attempts.holder(session, attempt.id, worker="two", token_digest="1") is None
        assert attempts.holder(session, attempt.id + 1, worker="one", token_digest="1") is None


def test_attempts_at_a_job_are_numbered_from_one(database: Database) -> None:
    first, second = _job(database), _job(database)
    _enrolled(database)
    with database.write() as session:
        for token, job in (("1", first), ("2", second), ("3", first)):
            made = attempts.add_attempt(
                session, job_id=job.id, worker="one", token_digest=token, now=NOW, expires_at=NOW
            )
            attempts.end(session, made, AttemptState.LOST, now=NOW)
        assert [attempt.number for attempt in attempts.attempts_of(session, first.id)] == [1, 2]
        assert [attempt.number for attempt in attempts.attempts_of(session, second.id)] == [1]


def test_a_lease_has_expired_before_a_moment_that_comes_after_its_end(database: Database) -> None:
    job = _job(database)
    _enrolled(database)
    with database.write() as session:
        attempt = attempts.add_attempt(session, job_id=job.id, worker="one", token_digest="1", now=NOW, expires_at=NOW)
        assert attempts.expired(session, before=NOW, limit=10) == []
        assert attempts.expired(session, before=NOW + timedelta(seconds=1), limit=10) == [attempt]


def test_an_attempt_ends_once_and_takes_no_other_with_it(database: Database) -> None:
    first, second = _job(database), _job(database)
    _enrolled(database)
    with database.write() as session:
        one, other = (
            attempts.add_attempt(session, job_id=job.id, worker="one", token_digest=token, now=NOW, expires_at=NOW)
            for job, token in ((first, "1"), (second, "2"))
        )
        assert attempts.end(session, one, AttemptState.LOST, now=NOW, error="gone")
        assert not attempts.end(session, one, AttemptState.FAILED, now=NOW)
        ended = attempts.attempt(session, one.id)
        assert ended is not None
        assert (ended.state, ended.finished_at, ended.error) == (AttemptState.LOST, NOW, "gone")
        assert attempts.attempt(session, other.id) == other
        assert attempts.attempt(session, other.id + 1) is None


def test_a_job_cannot_have_two_live_attempts(database: Database) -> None:
    job = _job(database)
    _enrolled(database)
    with database.write() as session:
        attempts.add_attempt(session, job_id=job.id, worker="one", token_digest="1", now=NOW, expires_at=NOW)
    with pytest.raises(IntegrityError), database.write() as session:
        attempts.add_attempt(session, job_id=job.id, worker="one", token_digest="2", now=NOW, expires_at=NOW)
