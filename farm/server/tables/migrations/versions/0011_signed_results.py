"""Signed results of tests and comparisons: whose they are, whose counted, which jobs are not for which workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("attempt", sa.Column("attestation", sa.String(), nullable=False, server_default=""))
    op.add_column("attempt", sa.Column("tester", sa.String(), nullable=False, server_default=""))
    op.add_column("candidate", sa.Column("testers_mark", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "job_exclusion",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_exclusion_job_id"),
        sa.ForeignKeyConstraint(["worker"], ["worker.name"], name="fk_job_exclusion_worker"),
        sa.PrimaryKeyConstraint("job_id", "worker", name="pk_job_exclusion"),
    )
