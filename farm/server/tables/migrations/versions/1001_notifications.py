"""People's requests about jobs, changes by number, events, and webhooks with their deliveries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "1001"
down_revision = "1000"


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _time(name: str, *, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=optional)


def _about() -> tuple[sa.Column[Any], ...]:
    """The columns of what an event is about."""
    return (
        _text("package"),
        _text("channel"),
        sa.Column("release", sa.Integer()),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submission.id")),
        sa.Column("job_id", sa.Integer()),
        sa.Column("detail", sa.Text(), nullable=False),
    )


def upgrade() -> None:
    op.create_index("ix_job_submission", "job", ["submission_id", "state"])
    op.create_table(
        "job_request",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), nullable=False, index=True),
        _text("act"),
        _text("by"),
        sa.Column("why", sa.Text(), nullable=False),
        _time("at"),
        sa.Column("made_id", sa.Integer(), sa.ForeignKey("job.id"), index=True),
        sa.CheckConstraint("act IN ('cancel', 'retry')", "act"),
    )
    op.create_table("change_counter", sa.Column("id", sa.Integer(), primary_key=True), _number("newest"))
    op.create_table(
        "job_change",
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), primary_key=True),
        _text("submitter"),
        sa.Column("number", sa.Integer(), nullable=False, index=True),
        sa.Index("ix_job_change_submitter", "submitter", "number"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False, index=True),
        _text("kind"),
        _text("submitter"),
        *_about(),
        sa.Index("ix_event_submitter", "submitter", "id"),
        sa.Index("ix_event_package", "package", "id"),
    )
    _make_states()
    _make_webhooks()


def _make_states() -> None:
    quiet = sa.text("quiet_until IS NOT NULL")
    op.create_table(
        "tracked_state",
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        _text("submitter"),
        _text("state"),
        _time("since"),
        sa.Column("number", sa.Integer(), nullable=False, index=True),
        _text("notified_state"),
        _number("events"),
        _time("counted_at"),
        _time("quiet_until", optional=True),
        *_about(),
        sa.CheckConstraint("subject IN ('build', 'submission', 'package')", "subject"),
        sa.Index("ix_tracked_state_submitter", "submitter", "subject", "state"),
        sa.Index("ix_tracked_state_change", "submitter", "number"),
        sa.Index("ix_tracked_state_quiet", "quiet_until", sqlite_where=quiet, postgresql_where=quiet),
    )


def _make_webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), primary_key=True),
        _text("owner"),
        sa.Column("url", sa.Text(), nullable=False),
        _text("events"),
        _text("secret"),
        _time("created_at"),
        _number("failures"),
        _time("failing_since", optional=True),
        _time("not_before", optional=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        _time("delivered_at", optional=True),
        _time("disabled_at", optional=True),
        sa.Index("ix_webhook_owner", "owner", "id"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("webhook_id", sa.Integer(), sa.ForeignKey("webhook.id"), nullable=False),
        sa.Column("message", sa.String(), nullable=False, unique=True),
        sa.Column("event_id", sa.Integer(), sa.ForeignKey("event.id"), index=True),
        _time("created_at"),
        _time("due_at"),
        _number("attempts"),
        sa.Index("ix_delivery_webhook", "webhook_id", "id"),
        sa.Index("ix_delivery_due", "due_at", "id"),
    )
