"""Rows of notifications: people's requests about jobs, changes by number, events, and webhooks with deliveries."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field

from farm.api.notification_wire import EventKind
from farm.server.tables.columns import Enumerated, NumberedRow, Row, UtcDateTime
from farm.server.tables.states import JobAct, SubjectKind


class JobRequestRow(NumberedRow, table=True):
    """A person has cancelled or retried a job; `made_id` is the job that a retry made, or took up again."""

    __table_args__ = (CheckConstraint("act IN ('cancel', 'retry')", "act"),)

    job_id: int = Field(foreign_key="job.id", index=True)
    act: JobAct = Field(sa_type=Enumerated(JobAct))
    by: str  # as the audit trail names people
    why: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    made_id: int | None = Field(default=None, foreign_key="job.id", index=True)


class ChangeCounterRow(Row, table=True):
    """The newest number of a change: one row. Numbers are given in the order in which transactions are committed."""

    id: int = Field(default=1, primary_key=True)
    newest: int = 0


class JobChangeRow(Row, table=True):
    """The number of the last change of a job that belongs to a submission, for its submitter's `farm watch`."""

    __table_args__ = (Index("ix_job_change_submitter", "submitter", "number"),)

    job_id: int = Field(primary_key=True, foreign_key="job.id")
    submitter: str
    number: int = Field(index=True)


class EventRow(Row, table=True):
    """What people are notified of. `id` is the number of the change; rows are added, and forgotten when old."""

    __table_args__ = (Index("ix_event_submitter", "submitter", "id"), Index("ix_event_package", "package", "id"))

    id: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    kind: EventKind = Field(sa_type=Enumerated(EventKind))
    submitter: str
    package: str = ""
    channel: str = ""
    release: int | None = None
    submission_id: int | None = Field(default=None, foreign_key="submission.id")
    job_id: int | None = None  # no foreign key: who has locked that row may wait for the number of a change
    detail: str = Field(default="", sa_type=Text)  # a line: an error, a reason, names


class TrackedStateRow(Row, table=True):
    """The state of a recipe's builds, a submission, or a package in a channel, and the last state that people
    were notified of.

    The other columns are those of the event that the present state would make.
    """

    __table_args__ = (
        CheckConstraint("subject IN ('build', 'submission', 'package')", "subject"),
        Index("ix_tracked_state_submitter", "submitter", "subject", "state"),
        Index("ix_tracked_state_change", "submitter", "number"),
        Index("ix_tracked_state_quiet", "quiet_until", sqlite_where=text("quiet_until IS NOT NULL"),
              postgresql_where=text("quiet_until IS NOT NULL")),
    )  # fmt: skip

    subject: SubjectKind = Field(primary_key=True, sa_type=Enumerated(SubjectKind))
    name: str = Field(primary_key=True)  # of the recipe, the number of the submission, `edge/jq`
    submitter: str
    state: str
    since: datetime = Field(sa_type=UtcDateTime)
    number: int = Field(default=0, index=True)  # of the change that led to the state
    notified_state: str = ""  # the last one that people were notified of; empty if there was none
    events: int = 0  # how many since `counted_at`
    counted_at: datetime = Field(sa_type=UtcDateTime)
    quiet_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # no further event until then
    package: str = ""
    channel: str = ""
    release: int | None = None
    submission_id: int | None = Field(default=None, foreign_key="submission.id")
    job_id: int | None = None  # no foreign key: who has locked that row may wait for the number of a change
    detail: str = Field(default="", sa_type=Text)


class WebhookRow(NumberedRow, table=True):
    """An address that is notified of a person's events. `secret` signs what is sent; it was shown once."""

    __table_args__ = (Index("ix_webhook_owner", "owner", "id"),)

    owner: str  # as the audit trail names people
    url: str = Field(sa_type=Text)
    events: str = ""  # kinds, with commas; empty for all
    secret: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    failures: int = 0  # since the last delivery that succeeded
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when it is tried again
    trouble: str = Field(default="", sa_type=Text)  # of the last attempt, or why it was disabled
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeliveryRow(NumberedRow, table=True):
    """A message of the outbox to a webhook. It stays until it is delivered, or its webhook is disabled or removed."""

    __table_args__ = (Index("ix_delivery_webhook", "webhook_id", "id"), Index("ix_delivery_due", "due_at", "id"))

    webhook_id: int = Field(foreign_key="webhook.id")
    message: str = Field(unique=True)  # its id for the receiver, the same each time it is sent
    event_id: int | None = Field(default=None, foreign_key="event.id", index=True)  # None: a test
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
