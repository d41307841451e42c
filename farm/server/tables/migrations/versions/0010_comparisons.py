"""Comparisons of the interfaces of libraries: what is compared, what came of it, and jobs that do it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from farm.server.tables.check_constraints import change_condition

revision = "0010"
down_revision = "0009"

_BEFORE = "kind IN ('build', 'test')"
_AFTER = "kind IN ('build', 'test', 'comparison')"


def upgrade() -> None:
    op.create_table(
        "comparison",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("soname", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_comparison_job_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_comparison"),
    )
    change_condition("job", "ck_job_kind", before=_BEFORE, after=_AFTER)
