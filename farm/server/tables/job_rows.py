"""Rows of jobs: plans, tests, jobs and their needs, attempts, and messages that wake workers."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, false, text
from sqlmodel import Field

from farm.core.names.printed_version import FIRST_BUILD
from farm.server.tables.columns import NumberedRow, Row, UtcDateTime
from farm.server.tables.states import ACTIVE, LIVE_ATTEMPT, AttemptState, JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable


def _among(column: str, values: Iterable[str]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


class PlanRow(Row, table=True):
    """A plan that was pinned: the canonical JSON whose digest is its name."""

    digest: str = Field(primary_key=True)
    name: str = Field(index=True)
    body: str = Field(sa_type=Text)
    build: int = FIRST_BUILD  # which of the builds of its version and revision it is; given when it is pinned


class PackageTestRow(Row, table=True):
    """A package test that was requested: the canonical JSON of the order, whose digest is its name."""

    __tablename__ = "test"

    digest: str = Field(primary_key=True)
    subject: str = Field(index=True)  # the descriptor's digest
    test: str
    body: str = Field(sa_type=Text)


class ComparisonRow(Row, table=True):
    """A comparison of interfaces that was requested: the canonical JSON of the order, whose digest is its name."""

    digest: str = Field(primary_key=True)
    package: str  # the short name of the library's package
    soname: str
    body: str = Field(sa_type=Text)
    outcome: str = Field(default="", sa_type=Text)  # canonical JSON of what the worker reported, empty until then
    job_id: int | None = Field(default=None, foreign_key="job.id")  # the job whose worker reported it


class JobRow(NumberedRow, table=True):
    """A build, a test or a comparison."""

    __table_args__ = (
        CheckConstraint(_among("state", JobState), "state"),
        CheckConstraint(_among("kind", JobKind), "kind"),
        # The claim walks this index and nothing else. (Partial ones serve no bound parameter in SQLite.)
        Index("ix_job_claim", "state", "priority", "id"),
        # Two jobs with the same subject are never active at once: within the farm's own, and within each preview.
        Index("uq_job_active_subject", "subject", "preview", unique=True, sqlite_where=text(_among("state", ACTIVE)),
              postgresql_where=text(_among("state", ACTIVE))),
        Index("ix_job_preview", "preview", "state"),
        Index("ix_job_state", "state", "id"),
        Index("ix_job_name", "name", "id"),
        Index("ix_job_subject", "subject", "state"),
        Index("ix_job_submission", "submission_id", "state"),
        Index("ix_job_answered", "id", sqlite_where=text("answered_by IS NOT NULL"),
              postgresql_where=text("answered_by IS NOT NULL")),
        Index("ix_job_to_settle", "id", sqlite_where=text("to_settle = 1"),
              postgresql_where=text("to_settle")),
        Index("ix_job_trouble", "state", "changed_at", sqlite_where=text("trouble != ''"),
              postgresql_where=text("trouble != ''")),
    )  # fmt: skip

    kind: str
    name: str  # of the recipe or the tested package
    revision_id: int | None = Field(default=None, foreign_key="recipe_revision.id", index=True)
    submission_id: int | None = Field(default=None, foreign_key="submission.id", index=True)
    subject: str | None = None  # digest of the plan (once it is pinned) or of the test
    state: str
    preview: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # the submission whose preview it is for
    to_settle: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  # its state may be outdated
    rebuild: bool = False  # of a plan that is built already, to see whether it gives the same packages
    priority: int = 0  # the lower number goes first
    lost: int = 0  # attempts that ended in trouble of one worker, since a person last requested it
    troubles: int = 0  # attempts that ended in any trouble, since then
    trouble: str = ""  # of the last attempt, while it is ready again or set aside
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when it is retried
    elsewhere_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # until then by other workers only
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    notified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_by: int | None = Field(default=None, foreign_key="job.id")  # the earlier job whose result this one has
    error_code: str = ""
    error: str = Field(default="", sa_type=Text)
    trace: str = Field(index=True)


class JobNeedRow(Row, table=True):
    """A build was found to wait until the current revision of this recipe is built.

    Of all that a build waits for, these are the ones that are reached through built recipes alone.
    """

    __table_args__ = (Index("ix_job_need_recipe", "recipe", "job_id"),)

    job_id: int = Field(primary_key=True, foreign_key="job.id")
    recipe: str = Field(primary_key=True)


class AttemptRow(NumberedRow, table=True):
    """One attempt at a job by one worker, who holds the lease while the state is live and the lease has not expired."""

    __table_args__ = (
        CheckConstraint(_among("state", AttemptState), "state"),
        UniqueConstraint("job_id", "number"),
        Index("uq_attempt_live_job", "job_id", unique=True, sqlite_where=text(_among("state", LIVE_ATTEMPT)),
              postgresql_where=text(_among("state", LIVE_ATTEMPT))),
        Index("ix_attempt_expiry", "state", "expires_at"),
        Index("ix_attempt_worker", "worker", "id"),
    )  # fmt: skip

    job_id: int = Field(foreign_key="job.id")
    number: int
    worker: str = Field(foreign_key="worker.name")
    token_digest: str = Field(unique=True)  # of the token, which only the worker has
    state: str
    claimed_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    log_size: int = Field(default=0, sa_type=BigInteger)
    log_digest: str = ""  # of the whole log as the farm has it, once the attempt has ended
    error_code: str = ""
    error: str = Field(default="", sa_type=Text)
    trouble: str = ""
    outcome: str = Field(default="", sa_type=Text)  # canonical JSON of what the worker reported
    attestation: str = ""  # digest of the verified signed statement of a test's or comparison's outcome
    tester: str = ""  # id of the key that signed it
    first_error: str = Field(default="", sa_type=Text)  # JSON of `FirstError`, of one that failed


class JobExclusionRow(Row, table=True):
    """A worker excluded from a test or comparison: it may not answer, or has answered already."""

    job_id: int = Field(primary_key=True, foreign_key="job.id")
    worker: str = Field(primary_key=True, foreign_key="worker.name")


class OutboxRow(NumberedRow, table=True):
    """A message to be sent once the transaction that wrote it is committed."""

    __table_args__ = (
        Index("ix_outbox_unsent", "id", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    )

    task: str
    job_id: int = Field(foreign_key="job.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
