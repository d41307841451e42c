"""Trouble of the farm's own infrastructure: at attempts, at jobs that are tried again, and jobs that are set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.check_constraints import change_condition
from farm.server.tables.columns import UtcDateTime

revision = "0009"
down_revision = "0008"

_BEFORE = "state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'succeeded', 'failed', 'cancelled')"
_AFTER = (
    "state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'set-aside', 'succeeded', 'failed', 'cancelled')"
)


def upgrade() -> None:
    op.add_column("attempt", sa.Column("trouble", sa.String(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("trouble", sa.String(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("troubles", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("job", sa.Column("not_before", UtcDateTime(), nullable=True))
    op.add_column("job", sa.Column("elsewhere_until", UtcDateTime(), nullable=True))
    change_condition("job", "ck_job_state", before=_BEFORE, after=_AFTER)
    met = sa.text("trouble != ''")
    op.create_index("ix_job_trouble", "job", ["state", "changed_at"], sqlite_where=met, postgresql_where=met)
