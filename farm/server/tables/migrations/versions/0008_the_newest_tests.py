"""Which tests a candidate was judged by, and up to which a channel has looked at those of what it holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("candidate", sa.Column("tests_mark", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("channel", sa.Column("tests_seen", sa.Integer(), nullable=False, server_default="0"))
    answered = sa.text("answered_by IS NOT NULL")
    op.create_index("ix_job_answered", "job", ["id"], sqlite_where=answered, postgresql_where=answered)
